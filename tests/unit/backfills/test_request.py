"""Test reading the request for a backfill."""

import pytest

from feature_events.backfills.request import MAX_SEGMENTS, BackfillRequest, read_backfill_request
from feature_events.errors import Misconfigured
from tests.support.backfills import TABLE_ARN
from tests.support.records import Json


def test_read_backfill_request__requires_only_a_table() -> None:
    """All other fields have defaults."""
    expected = BackfillRequest("user_feature_store", False, 100, 10, 2000, None, "")  # noqa: FBT003  # fields
    assert read_backfill_request({"table": "user_feature_store"}) == expected


def test_read_backfill_request__accepts_all_fields() -> None:
    """Each field can have its maximum value."""
    stored = {
        "table": TABLE_ARN,
        "dry_run": True,
        "segments": MAX_SEGMENTS,
        "workers": 100,
        "events_per_second": 100_000,
        "filter": {"entity_type": "bright_uid", "resource_name": "user_features"},
        "run": "after-the-outage",
        "missing_only": True,
        "since": "2025-11-01T00:00:00Z",
    }
    assert read_backfill_request(stored)._asdict() == stored


def test_read_backfill_request__reports_every_mistake() -> None:
    """The operator can correct all of them before sending the request again."""
    stored = {
        "dry_run": "yes",
        "segments": 501,
        "workers": 0,
        "events_per_second": 0.5,
        "filter": {},
        "run": 7,
        "prefix": 7,
    }
    with pytest.raises(Misconfigured) as caught:
        read_backfill_request(stored)
    assert str(caught.value) == (
        "invalid request: prefix is unknown; dry_run must be true or false; "
        "segments must be a whole number from 1 to 500; workers must be a whole number from 1 to 100; "
        "events_per_second must be a whole number from 1 to 100000; "
        "filter must be null, or an object with entity_type or resource_name and their values; "
        "run must be the name of an earlier run; table is missing: it must be a table name or ARN; "
        'for a dry run, send {"table": "user_feature_store", "dry_run": true}'
    )


@pytest.mark.parametrize("since", [7, "", "yesterday", "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", []])
def test_read_backfill_request__rejects_since_if_it_is_not_a_time_of_kafka(since: object) -> None:
    """Kafka has no times before 1970, and would take -1 for the end of the topic."""
    with pytest.raises(Misconfigured, match=r"since must be null, or an ISO-8601 time .*, not before 1970"):
        read_backfill_request({"table": "user_feature_store", "missing_only": True, "since": since})


@pytest.mark.parametrize("stored", [None, [], "user_feature_store", 7, {}])
def test_read_backfill_request__requires_a_table(stored: object) -> None:
    """Anything but an object has no table."""
    with pytest.raises(Misconfigured, match="table is missing"):
        read_backfill_request(stored)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"table": ""}, "table must be"),
        ({"table": "t"}, "table must be"),
        ({"table": ["user_feature_store"]}, "table must be"),
        ({"table": f"{TABLE_ARN}/stream/2026"}, "table must be"),
        ({"table": f"{TABLE_ARN}\n"}, "table must be"),
        ({"dry_run": 1}, "dry_run must be"),
        ({"segments": True}, "segments must be"),
        ({"segments": "7"}, "segments must be"),
        ({"workers": 101}, "workers must be"),
        ({"events_per_second": 100_001}, "events_per_second must be"),
        ({"filter": {"entity_id": "user-1"}}, "filter must be"),
        ({"filter": {"entity_type": None}}, "filter must be"),
        ({"filter": ["entity_type"]}, "filter must be"),
        ({"run": "a/b"}, "run must be"),
        ({"run": "a" * 102}, "run must be"),
        ({"run": None}, "run must be"),
    ],
)
def test_read_backfill_request__rejects(wrong: Json, text: str) -> None:
    """Each field has a type and limits."""
    with pytest.raises(Misconfigured, match=text):
        read_backfill_request({"table": "user_feature_store", **wrong})


@pytest.mark.parametrize(("segments", "workers", "expected"), [(100, 10, 200.0), (1, 10, 2000.0), (5, 10, 400.0)])
def test_items_per_second__is_divided_among_active_workers(segments: int, workers: int, expected: float) -> None:
    """There are at most as many active workers as segments."""
    request = read_backfill_request({"table": "user_feature_store", "segments": segments, "workers": workers})
    assert request.items_per_second == expected


@pytest.mark.parametrize("name", ["Comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"])
def test_read_backfill_request__ignores_what_step_functions_adds(name: str) -> None:
    """The console's example input has a comment, and a nested start the ARN of the outer execution."""
    stored = {"table": "user_feature_store", name: "text"}
    assert read_backfill_request(stored) == BackfillRequest("user_feature_store")
