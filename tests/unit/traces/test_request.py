"""Test reading the request for a trace, and the key in it."""

from typing import Any

import pytest

from feature_events.epoch import to_epoch_ms
from feature_events.errors import Misconfigured
from feature_events.tables.table import Description
from feature_events.traces.request import DAY_MS, MAX_SECONDS, TraceRequest, read_key, read_trace_request

NOW_MS = to_epoch_ms("2026-01-02T00:00:00Z")
KEY = {"pk": "user-4711"}
TRACE = {"table": "orders", "key": KEY}


def to_table(**types: str) -> Description:
    """Return the description of a table with these key attributes."""
    return Description("arn:aws:dynamodb:eu-west-1:123456789012:table/orders", tuple(types), None, types)


def test_read_trace_request__defaults_to_one_day() -> None:
    """Only the table and the key are required."""
    assert read_trace_request({"trace": TRACE}, NOW_MS) == TraceRequest("orders", KEY, NOW_MS - DAY_MS)


def test_read_trace_request__accepts_all_fields() -> None:
    """A time has any ISO-8601 form, and is in UTC without a zone."""
    given = {**TRACE, "since": "2025-12-31 01:00+01:00", "seconds": 7, "all_partitions": True}
    since_ms = to_epoch_ms("2025-12-31T00:00:00Z")
    assert read_trace_request({"trace": given}, NOW_MS) == TraceRequest("orders", KEY, since_ms, 7, all_partitions=True)


def test_read_trace_request__reports_every_mistake() -> None:
    """The operator can correct all of them before sending the request again."""
    given = {"table": "a/b", "after": 1, "since": "yesterday", "seconds": 0, "all_partitions": 1}
    with pytest.raises(Misconfigured) as caught:
        read_trace_request({"trace": given, "dry_run": True}, NOW_MS)
    assert str(caught.value) == (
        "invalid request: dry_run is unknown; after is unknown; table must be a table name or ARN; since must be an "
        "ISO-8601 time such as 2025-11-01T00:00:00Z, not before 1970; "
        f"seconds must be a whole number from 1 to {MAX_SECONDS}; all_partitions must be true or false; "
        "key is missing: it must be an object with the item's key attributes; "
        'an example is {"trace": {"table": "orders", "key": {"pk": "USER#1", "sk": "FEATURES"}}}'
    )


@pytest.mark.parametrize("event", [{}, None, [], {"trace": None}, {"trace": []}])
def test_read_trace_request__rejects_what_is_not_a_request(event: Any) -> None:  # noqa: ANN401  # any JSON
    """The error says what is missing."""
    with pytest.raises(Misconfigured, match=r"table is missing: .*; key is missing: "):
        read_trace_request(event, NOW_MS)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("S", "u-1", "u-1"),
        ("S", {"S": "u-1"}, "u-1"),
        ("S", "17", "17"),
        ("N", 17, "17"),
        ("N", 1.5, "1.5"),
        ("N", "12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("N", {"N": "17"}, "17"),
        ("N", 17.0, "17"),
        ("N", 1e20, "100000000000000000000"),
        ("N", "-0.0", "0"),
        ("N", "+01.50", "1.5"),
        ("N", "1e-3", "0.001"),
        ("N", "-12345678901234567890123456789012345678.0", "-12345678901234567890123456789012345678"),
        ("B", "AAE=", b"\0\1"),
        ("B", {"B": "AAE="}, b"\0\1"),
    ],
)
def test_read_key__accepts_ordinary_json_and_dynamodbs(kind: str, given: object, value: object) -> None:
    """The type of an attribute is that of the table."""
    assert read_key({"pk": given}, to_table(pk=kind)) == {"pk": {kind: value}}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("S", ""),
        ("S", 17),
        ("S", {"N": "17"}),
        ("S", {"S": "a", "N": "1"}),
        ("S", {}),
        ("S", None),
        ("S", "\ud800"),
        ("N", "seventeen"),
        ("N", "NaN"),
        ("N", True),
        ("N", {"N": 17}),
        ("N", float("inf")),
        ("N", "1e400"),
        ("N", "1e999999999999999999"),
        ("N", "9" * 5_000),
        ("N", "1e-999999"),
        ("B", "not base64"),
        ("B", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("B", 17),
    ],
)
def test_read_key__rejects_a_value_of_another_type(kind: str, given: object) -> None:
    """The error names the attribute and the form that it should have, and repeats no value."""
    with pytest.raises(Misconfigured) as caught:
        read_key({"pk": given}, to_table(pk=kind))
    form = {"S": "text", "N": "a number", "B": "binary as base64 text"}[kind]
    assert str(caught.value) == f"invalid request: key.pk must be {form}; the table's key is pk"


def test_read_key__reports_every_mistake_and_no_value() -> None:
    """A key identifies someone, and Lambda logs the error."""
    with pytest.raises(Misconfigured) as caught:
        read_key({"pk": 4711, "person-4711": "person-4711"}, to_table(pk="S", sk="N"))
    assert str(caught.value) == (
        "invalid request: key must contain only pk and sk; key.pk must be text; key.sk is missing; "
        "the table's key is pk and sk"
    )
