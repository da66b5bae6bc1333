"""Explanations name what a layout requires, and their texts contain nothing of the item."""

from typing import Any

import pytest

from feature_events.layouts.mismatches import find_mismatches, find_no_features
from feature_events.layouts.table_layouts import choose_layout
from tests.support.layouts import to_layouts

type Json = dict[str, Any]

BASE: Json = {"keys": {"pk": "user#{entity_id}", "sk": "{}"}, "entity_type": "user", "resource_name": "r"}
KEYS = {"pk": {"S": "user#u-1"}, "sk": {"N": "7"}}


def explain(item: Json, *layouts: Json, keys: Json = KEYS) -> list[tuple[str, str]]:
    """Return the text and the item's value of each mismatch."""
    fits = to_layouts(*[BASE | {"features": {"except": []}} | layout for layout in layouts]).fit_table("t", tuple(keys))
    assert choose_layout(fits, keys, keys | item) is None
    return [(str(each), each.value) for each in find_mismatches(fits, keys, keys | item)]


@pytest.mark.parametrize(
    ("value", "text", "own"),
    [
        (None, "is missing", ""),
        ({"S": "Profile"}, "does not match Features", "Profile"),
        ({"S": ""}, "does not match Features", ""),
        ({"N": "1"}, "does not match Features", "1"),
        ({"BOOL": True}, "does not match Features", "true"),
        ({"B": "RmVhdHVyZXM="}, "has another type", ""),
        ({"NULL": True}, "has another type", ""),
        ({"M": {}}, "has another type", ""),
        ({"SS": ["Features"]}, "has another type", ""),
        ("Features", "has another type", ""),
    ],
)
def test_find_mismatches__names_an_attribute(value: object, text: str, own: str) -> None:
    """The attribute is missing, has a type that layouts cannot match, or another value."""
    item = {} if value is None else {"cls": value}
    assert explain(item, {"attributes": {"cls": "Features"}}) == [(f"layout 1: the attribute cls {text}", own)]


def test_find_mismatches__has_one_for_each_layout() -> None:
    """Keys come before other attributes, and layouts of other tables are omitted."""
    layouts: list[Json] = [
        {"table": "other"},
        {"keys": {"pk": "USER#{entity_id}", "sk": "{}"}},
        {"keys": {"pk": "user#{entity_id}", "{}": "FEATURES#{}"}},
        {"attributes": {"a": "{}", "b": "true"}},
    ]
    assert explain({"a": {"S": "x"}, "b": {"BOOL": False}}, *layouts) == [
        ("layout 2: the attribute pk does not match USER#{entity_id}", "user#u-1"),
        ("layout 3: the attribute sk does not match FEATURES#{}", "7"),
        ("layout 4: the attribute b does not match true", "false"),
    ]


@pytest.mark.parametrize(
    ("features", "item", "text", "has"),
    [
        ("value", {"vals": {"M": {}}}, "the attribute value is missing", ("pk", "sk", "vals")),
        ("value", {"value": {"NULL": True}}, "the attribute value is NULL", ("pk", "sk", "value")),
        ("value", {"value": {"M": {}}}, "the attribute value is empty", ()),
        ("a.b", {"a": {"M": {"c": {"S": "x"}}}}, "the attribute a.b is missing", ("c",)),
        (
            "a",
            {"a": {"M": {"at": {"S": "x"}}}},
            "the attribute a has only attributes that are not features",
            ("at",),
        ),
        ({"json": "a"}, {"a": {"S": "{}"}}, "the attribute a is empty", ()),
        ({"json": "a.b"}, {"a": {"M": {}}}, "the attribute a.b is missing", ()),
        (
            {"except": ["ttl"]},
            {"ttl": {"N": "1"}},
            "the item has only attributes that are not features",
            ("pk", "sk", "ttl"),
        ),
    ],
)
def test_find_no_features__names_the_place(features: Any, item: Json, text: str, has: tuple[str, ...]) -> None:  # noqa: ANN401  # a member of a layout
    """The place is the first step of the path that leads to nothing."""
    fits = to_layouts(BASE | {"features": features, "updated_at": "a.at"}).fit_table("t", tuple(KEYS))
    chosen = choose_layout(fits, KEYS, KEYS | item)
    assert chosen is not None
    found = find_no_features(KEYS | item, chosen)
    assert (str(found), found.has) == (f"layout 1: {text}", has)
