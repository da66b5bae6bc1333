"""Layouts are selected by the table's name and keys, and then one by the values of an item's keys."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, read_change
from tests.support.layouts import to_layouts
from tests.support.records import to_record

type Json = dict[str, Any]

STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/{}/stream/2026-01-01T00:00:00.000"
USERS = {
    "table": "app",
    "keys": {"pk": "USER#{entity_id}", "sk": "FEATURES#{resource_name}"},
    "entity_type": "user",
    "features": "features",
}
MERCHANTS = {**USERS, "keys": {"pk": "MERCHANT#{entity_id}", "sk": "{resource_name}"}, "entity_type": "merchant"}
CATCH_ALL = {**USERS, "keys": {"pk": "{entity_id}", "sk": "{resource_name}"}, "entity_type": "anything"}
FLAT = {
    "table": "{resource_name}_v{}",
    "keys": {"id": "{entity_id}"},
    "entity_type": "id",
    "features": {"except": []},
}
NAMED = {
    "table": "ff_{}",
    "keys": {"{resource_name}": "{entity_id}"},
    "entity_type": "x",
    "features": {"names": ["{resource_name}"]},
}


def to_change(table: str, keys: Json) -> Change:
    """Return a change of an item with these keys."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    change = read_change({**record, "eventSourceARN": STREAM.format(table)})
    assert isinstance(change, Change)
    return change


def choose(layouts: TableLayouts, table: str, **keys: str) -> dict[str, str] | None:
    """Return the texts of an item's event, or None if the item has no layout."""
    chosen = layouts.choose(to_change(table, {name: {"S": text} for name, text in keys.items()}))
    if chosen is None:
        return None
    fitted, captures = chosen
    return {
        "type": fitted.format_entity_type(captures),
        "id": fitted.format_entity_id(captures),
        "resource": fitted.format_resource_name(captures),
    }


@pytest.mark.parametrize(
    ("layouts", "table", "keys", "expected"),
    [
        ([USERS, MERCHANTS], "app", {"pk": "USER#u", "sk": "FEATURES#r"}, ("user", "u", "r")),
        ([USERS, MERCHANTS], "app", {"sk": "FEATURES#r", "pk": "USER#u"}, ("user", "u", "r")),
        ([USERS, MERCHANTS], "app", {"pk": "MERCHANT#m", "sk": "r"}, ("merchant", "m", "r")),
        ([USERS, MERCHANTS], "app", {"pk": "ORDER#o", "sk": "r"}, None),
        ([USERS, MERCHANTS], "app", {"pk": "USER#u", "sk": "PROFILE"}, None),
        ([USERS, CATCH_ALL], "app", {"pk": "USER#u", "sk": "FEATURES#r"}, ("user", "u", "r")),
        ([CATCH_ALL, USERS], "app", {"pk": "USER#u", "sk": "FEATURES#r"}, ("anything", "USER#u", "FEATURES#r")),
        ([USERS, FLAT], "scores_v2", {"id": "7"}, ("id", "7", "scores")),
        ([FLAT, NAMED], "ff_1", {"age": "7"}, ("x", "7", "age")),
        ([], "any", {"bright_uid": "u", "category": "c"}, ("bright_uid", "u", "c")),
        ([], "any", {"category": "c", "category2": "u"}, ("category2", "u", "c")),
    ],
)
def test_choose__returns_the_first_layout_that_matches(
    layouts: list[Json], table: str, keys: dict[str, str], expected: tuple[str, str, str] | None
) -> None:
    """The table's name, the names of its keys and their values must match. The order of the keys does not count."""
    found = choose(to_layouts(*layouts), table, **keys)
    assert found == (None if expected is None else dict(zip(("type", "id", "resource"), expected, strict=True)))


@pytest.mark.parametrize(
    ("layouts", "table", "keys"),
    [
        ([USERS, FLAT], "orders", ["order_id"]),
        ([USERS, FLAT], "app", ["id"]),
        ([USERS, FLAT], "app", ["pk"]),
        ([USERS, FLAT], "app", ["pk", "sk2"]),
        ([USERS, FLAT], "scores_v2", ["id", "at"]),
        ([NAMED], "ff_1", ["a", "b"]),
        ([], "any", ["bright_uid"]),
        ([], "any", ["a", "b"]),
    ],
)
def test_choose__raises_if_no_layout_fits_the_table(layouts: list[Json], table: str, keys: list[str]) -> None:
    """The error names the table, its keys and the layouts. It is raised for each record, since none can be handled."""
    table_layouts = to_layouts(*layouts)
    for _ in range(2):
        with pytest.raises(Misconfigured) as raised:
            table_layouts.choose(to_change(table, {name: {"S": "x"} for name in keys}))
        message = str(raised.value)
        assert message.startswith(f"no layout fits the table {table} with the key")
        assert [name for name in keys if name not in message] == []
        for number, layout in enumerate(layouts, 1):
            assert f"layout {number} is for tables {layout['table']} with the key" in message
            assert [name for name in layout["keys"] if name not in message] == []


def test_choose__refuses_other_keys_of_a_known_stream() -> None:
    """The keys of a table never change, so the record is invalid. It does not affect other records."""
    layouts = to_layouts(USERS)
    assert choose(layouts, "app", pk="USER#u", sk="FEATURES#r")
    with pytest.raises(PoisonRecord, match="not its table's"):
        choose(layouts, "app", pk="USER#u", sk2="FEATURES#r")
    assert choose(layouts, "app", pk="USER#u", sk="FEATURES#r")


@pytest.mark.parametrize("first", ["bright_uid", "bright_uidX"])
def test_choose__does_not_depend_on_the_first_record(first: str) -> None:
    """A stream's first record does not decide whether other key names fit a layout."""
    layouts = to_layouts()
    for name in (first, "bright_uid", "bright_uidX"):
        assert choose(layouts, "any", **{name: "u", "category": "c"}) == {"type": name, "id": "u", "resource": "c"}


@pytest.mark.parametrize("keys", [{}, {"a": {"S": "1"}, "b": {"S": "1"}, "c": {"S": "1"}}])
def test_choose__refuses_any_other_number_of_keys(keys: Json) -> None:
    """A table has one or two key attributes."""
    with pytest.raises(PoisonRecord, match="not its table's"):
        to_layouts(USERS).choose(to_change("app", keys))


def test_choose__refuses_the_stream_of_another_service() -> None:
    """The ARN must be that of a table's stream."""
    change = read_change({**to_record(), "eventSourceARN": "arn:aws:kinesis:eu-west-1:1:stream/x"})
    assert isinstance(change, Change)
    with pytest.raises(PoisonRecord, match="eventSourceARN"):
        to_layouts().choose(change)


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace memory allocations."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_choose__bounds_the_cache_of_streams() -> None:
    """Memory does not grow with the number of streams."""
    layouts = to_layouts(CATCH_ALL | {"table": "{}"})
    for number in range(1000):
        assert choose(layouts, f"t{number}", pk="a", sk="b")
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1000):
        assert choose(layouts, f"u{number}", pk="a", sk="b")
    assert tracemalloc.get_traced_memory()[0] - before < 100_000
