"""`make layout` finds layouts that are never used, because an earlier one applies to all of their items."""

import json
from typing import Any

import pytest

from feature_events.layouts.parser import parse_table_layouts
from local.trials.layout_remarks import find_hidden

type Json = Any

LAYOUT = {"table": "app", "entity_type": "user", "resource_name": "r", "features": "value"}
FEATURES = {"attributes": {"cls": "Features"}}


@pytest.mark.parametrize(
    ("earlier", "later", "is_hidden"),
    [
        ({}, {}, True),
        ({"keys": {"sk": "{}", "pk": "{entity_id}"}}, {}, True),
        ({"keys": {"{}": "{entity_id}", "sk": "{}"}}, {}, True),
        ({"keys": {"pk": "user#{entity_id}", "sk": "{}EST"}}, {}, True),
        ({"keys": {"pk": "user#{entity_id}#{}", "sk": "{}"}}, {}, False),
        ({"keys": {"pk": "{entity_id}"}}, {}, False),
        ({"table": "{}"}, {}, True),
        ({"table": "a{}"}, {}, True),
        ({"table": "b{}"}, {}, False),
        ({"table": "app"}, {"table": "{}"}, False),
        (FEATURES, {}, False),
        ({}, FEATURES, True),
        ({"attributes": {"cls": "F{}"}}, FEATURES, True),
        ({"attributes": {"cls": "G{}"}}, FEATURES, False),
        ({"attributes": {"type": "{}"}}, FEATURES, False),
    ],
)
def test_find_hidden__finds_layouts_behind_broader_ones(
    earlier: Json,
    later: Json,
    is_hidden: bool,  # noqa: FBT001  # a parameter
) -> None:
    """A layout is never used if an earlier one applies to all of its items."""
    broad = LAYOUT | {"keys": {"pk": "user#{entity_id}", "sk": "{}"}}
    narrow = LAYOUT | {"keys": {"pk": "user#{entity_id}", "sk": "LATEST"}}
    layouts = parse_table_layouts(json.dumps([broad | earlier, narrow | later]))
    text = "layout 2 is never used, because layout 1 applies to all of its items: write layout 2 first"
    assert list(find_hidden(layouts)) == ([text] if is_hidden else [])
