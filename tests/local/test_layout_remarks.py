"""`make layout` says why records are skipped, and what in a layout is probably a mistake."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.commands.layout import try_layouts
from local.trials.trial import format_records

type Json = Any

CREATED = 1_760_097_697  # 2025-10-10T12:01:37Z
LAYOUT = {
    "table": "app",
    "keys": {"pk": "user#{entity_id}", "sk": "{resource_name}"},
    "entity_type": "user",
    "features": "value",
}
KEYS = {"pk": {"S": "user#u1"}, "sk": {"S": "r"}}
VALUE = {"value": {"M": {"age": {"N": "3"}}}}
NO_MAP = {"vals": {"M": {}}, "at": {"S": "x"}}
FLAT = LAYOUT | {"features": {"except": ["ttl", "GSI{}"]}}


@pytest.fixture
def run(tmp_path: Path) -> Any:  # noqa: ANN401  # a function
    """Return a function that tries layouts on items, and returns the remarks and the exit status."""

    def run(layouts: list[Json], *items: Json) -> tuple[list[str], int]:
        records = [
            {
                "eventName": "INSERT",
                "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/app/stream/x",
                "dynamodb": {"ApproximateCreationDateTime": CREATED, "SequenceNumber": "1"}
                | {"Keys": {name: (KEYS | item)[name] for name in KEYS}, "NewImage": KEYS | item},
            }
            for item in items
        ]
        layout_file, record_file = tmp_path / "layouts.json", tmp_path / "records.json"
        layout_file.write_text(json.dumps(layouts))
        record_file.write_text(json.dumps(records))
        output = io.StringIO()
        status = try_layouts(Console(file=output, width=400), str(layout_file), "all", record_file)
        return [line[2:].rstrip() for line in output.getvalue().splitlines() if line.startswith("- ")], status

    return run


OTHER = {"pk": {"S": "USER#u1"}}
BY_KIND = LAYOUT | {"attributes": {"cls": "Features"}}


@pytest.mark.parametrize(
    ("layouts", "item", "remark"),
    [
        ([LAYOUT], OTHER, "other_item: pk is USER#u1; layout 1 wants user#{entity_id}"),
        (
            [LAYOUT, LAYOUT | {"keys": {"pk": "shop#{entity_id}", "sk": "{resource_name}"}, "entity_type": "shop"}],
            OTHER,
            "other_item: pk is USER#u1; layout 1 wants user#{entity_id}, layout 2 wants shop#{entity_id}",
        ),
        ([BY_KIND], {"cls": {"S": "Profile"}}, "other_item: cls is Profile; layout 1 wants Features"),
        ([BY_KIND], VALUE, "other_item: no attribute cls; layout 1 wants Features; the item has value"),
        (
            [BY_KIND],
            {"cls": {"M": {}}},
            "other_item: cls is not a string, a number or a Boolean; layout 1 wants Features",
        ),
        ([LAYOUT], NO_MAP, "no_features: no attribute value; the item has vals, at (layout 1)"),
        ([LAYOUT], {}, "no_features: no attribute value; the item has no others (layout 1)"),
        ([LAYOUT], {"value": {"M": {}}}, "no_features: value is empty (layout 1)"),
        ([LAYOUT], {"value": {"NULL": True}}, "no_features: value is NULL (layout 1)"),
        (
            [LAYOUT | {"features": "value.data"}],
            VALUE,
            "no_features: no attribute value.data; value has age (layout 1)",
        ),
        (
            [LAYOUT | {"features": "age, city"}],
            VALUE,
            (
                "no_features: no attribute age, city; the item has value; "
                'a path names one map; for all attributes write {"except": []} (layout 1)'
            ),
        ),
        (
            [LAYOUT | {"features": {"json": "my text"}}],
            VALUE,
            "no_features: no attribute my text; the item has value (layout 1)",
        ),
        (
            [FLAT],
            {"ttl": {"N": "1"}, "GSI1PK": {"S": "x"}},
            "no_features: no attribute of the item is a feature; it has pk, sk, ttl, GSI1PK (layout 1)",
        ),
    ],
)
def test_remarks__say_why_an_item_is_skipped(run: Any, layouts: list[Json], item: Json, remark: str) -> None:  # noqa: ANN401  # the fixture
    """A remark has what the item has and what each layout wants. Without any event, the exit status is 1."""
    assert run(layouts, item) == ([f"record 1: {remark}"], 1)


def test_remarks__are_shown_once_for_records_alike(run: Any) -> None:  # noqa: ANN401  # the fixture
    """Records that differ only in their values share a remark, with the value of the first."""
    others = [{"pk": {"S": f"USER#{number}"}} for number in range(4)]
    remarks, status = run([LAYOUT], *others[:2], VALUE, *others[2:], NO_MAP)
    assert remarks == [
        "records 1-2, 4-5: other_item: pk is USER#0; layout 1 wants user#{entity_id}",
        "record 6: no_features: no attribute value; the item has vals, at (layout 1)",
    ]
    assert status == 0


MS = {"path": "ts", "unit": "ms"}
US = {"path": "ts", "unit": "us"}
FORM = "write times as 2025-10-10T12:01:00.123+00:00"


@pytest.mark.parametrize(
    ("updated_at", "ts", "remark"),
    [
        (MS, {"N": f"{CREATED}000"}, None),
        (MS, {"N": f"{CREATED - 86_400 * 365}000"}, None),
        (
            MS,
            {"N": f"{CREATED}"},
            (
                "the time 1970-01-21T08:54:57.697Z is 55 years before the change; "
                'the number is probably in s, not ms: write "unit": "s"'
            ),
        ),
        (
            US,
            {"N": f"{CREATED}000"},
            (
                "the time 1970-01-21T08:54:57.697Z is 55 years before the change; "
                'the number is probably in ms, not us: write "unit": "ms"'
            ),
        ),
        (
            US,
            {"N": f"{CREATED}"},
            (
                "the time 1970-01-01T00:29:20.097Z is 55 years before the change; "
                'the number is probably in s, not us: write "unit": "s"'
            ),
        ),
        (
            "ts",
            {"S": "1999-01-01T00:00:00Z"},
            "the time 1999-01-01T00:00:00.000Z is 26 years before the change; check updated_at and its unit",
        ),
        (
            "ts",
            {"S": "2025-10-10T14:01:37"},
            "the time 2025-10-10T14:01:37.000Z is 2 h after the change; it may be a local time without its zone",
        ),
        (
            "ts",
            {"S": "2035-10-10T14:01:37"},
            "the time 2035-10-10T14:01:37.000Z is 3652 days after the change; check updated_at and its unit",
        ),
        (
            {"path": "ts", "unit": "s"},
            {"N": f"{CREATED}000"},
            (
                f"no readable time: ts has values such as {CREATED}000, which are not times in s; "
                'it is probably in ms: write {"path": "ts", "unit": "ms"}'
            ),
        ),
        (
            "ts",
            {"N": f"{CREATED}"},
            (
                f"no readable time: ts has values such as {CREATED}, which are not ISO-8601 text; "
                'it is probably in s: write {"path": "ts", "unit": "s"}'
            ),
        ),
        (
            ["ts", US],
            {"S": "1999-01-01T00:00:00Z"},
            "the time 1999-01-01T00:00:00.000Z is 26 years before the change; check updated_at and its unit",
        ),
        ("ts", {"S": "today"}, f"no readable time: ts has values such as today, which are not ISO-8601 text; {FORM}"),
        (MS, {"S": "today"}, f"no readable time: ts has values such as today, which are not times in ms; {FORM}"),
        ("ts", {"M": {}}, "no readable time: ts is neither text nor a number"),
        (["at", "meta.ts"], {"N": "1"}, "no readable time: no attribute at; no attribute meta.ts"),
        (["at", MS], {"M": {}}, "no readable time: no attribute at; ts is neither text nor a number"),
        (
            ["ts", "at"],
            {"M": {"at": {"S": "2025-10-10"}}},
            'no readable time: ts is neither text nor a number; no attribute at; if this is one path, write "ts.at"',
        ),
        (
            ["ts", "at"],
            {"S": "today"},
            f"no readable time: ts has values such as today, which are not ISO-8601 text; {FORM}; no attribute at",
        ),
    ],
)
def test_remarks__mark_implausible_times(run: Any, updated_at: Json, ts: Json, remark: str | None) -> None:  # noqa: ANN401  # the fixture
    """A time far from the change has probably another unit or zone, and an unreadable one another form."""
    remarks, status = run([LAYOUT | {"updated_at": updated_at}], {**VALUE, "ts": ts})
    assert remarks == ([f"record 1: {remark} (layout 1)"] if remark else [])
    assert status == 0


def test_remarks__name_exclusions_that_match_nothing(run: Any) -> None:  # noqa: ANN401  # the fixture
    """A name in `except` that no item of the layout has is probably misspelled."""
    item = {"tll": {"N": "1"}, "a": {"S": "x"}}
    assert run([FLAT], item)[0] == [
        "layout 1: ttl in except matches no attribute of these items",
        "layout 1: GSI{} in except matches no attribute of these items",
    ]
    assert run([FLAT], item, {"ttl": {"N": "1"}, "GSI1PK": {"S": "x"}, "b": {"S": "x"}})[0] == []
    named = LAYOUT | {"features": {"names": ["{resource_name}"], "except": ["ttl"]}}
    assert run([named], item)[0] == ["layout 1: ttl in except matches no attribute of these items"]


SUGGESTION = 'if it is an attribute, write {"user_id": "{entity_id}"} in attributes'


@pytest.mark.parametrize(
    ("layout", "remark"),
    [
        ({"entity_id": "user_id"}, f"entity_id is the text user_id for every item; {SUGGESTION}"),
        (
            {"entity_id": "uid"},
            (
                "entity_id is the text uid for every item; "
                'if it is an attribute, write {"NAME": "{entity_id}"} in keys or attributes'
            ),
        ),
        (
            {"entity_id": "pk"},
            'entity_id is the text pk for every item; if it is an attribute, write {"pk": "{entity_id}"} in keys',
        ),
        (
            {"entity_type": "kind"},
            (
                "entity_type is the text kind for every item; "
                'if it is an attribute, write {"kind": "{entity_type}"} in attributes'
            ),
        ),
        ({"entity_type": "user_kind"}, None),
        ({"resource_name": "pk"}, None),
        (
            {"features": {"names": ["entity_id"]}},
            "all items have the feature entity_id; for captured text, write {entity_id}",
        ),
        ({"features": {"names": ["sk"]}}, "all items have the feature sk; for captured text, write {sk}"),
        ({"features": {"names": ["value"]}}, None),
        (
            {"updated_at": {"text": "entity_id"}},
            "updated_at is the text entity_id for every item; write placeholders in it",
        ),
    ],
)
def test_remarks__mark_texts_without_placeholders(run: Any, layout: Json, remark: str | None) -> None:  # noqa: ANN401  # the fixture
    """A constant that is also the name of an attribute or placeholder was probably meant to be its value."""
    item = {**VALUE, "user_id": {"S": "u"}, "kind": {"S": "user"}}
    assert run([LAYOUT | layout], item)[0] == ([f"layout 1: {remark}"] if remark else [])


def test_remarks__name_layouts_that_are_never_used(run: Any) -> None:  # noqa: ANN401  # the fixture
    """The earlier layout applies to all items of the later one."""
    broad = LAYOUT | {"keys": {"pk": "user#{entity_id}", "sk": "{}"}, "resource_name": "r"}
    narrow = LAYOUT | {"keys": {"pk": "user#{entity_id}", "sk": "LATEST"}, "resource_name": "r"}
    assert run([broad, narrow], VALUE)[0] == [
        "layout 2 is never used, because layout 1 applies to all of its items: write layout 2 first"
    ]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3], "record 3"), ([1, 2], "records 1-2"), ([1, 3, 4, 5, 9], "records 1, 3-5, 9")],
)
def test_format_records__has_ranges(numbers: list[int], text: str) -> None:
    """Consecutive numbers are one range."""
    assert format_records(numbers) == text
