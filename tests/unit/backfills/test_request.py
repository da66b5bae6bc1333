"""A request that is not all understood reads nothing, and is told every mistake at once."""

import pytest

from feature_events.backfills.request import MAX_SEGMENTS, Request, read_request
from feature_events.errors import Misconfigured
from tests.support.backfills import TABLE_ARN
from tests.support.records import Json


def test_read_request__takes_a_table_alone() -> None:
    """The rest is as most runs want it."""
    expected = Request("user_feature_store", False, 100, 10, 2000, None, "")  # noqa: FBT003  # fields
    assert read_request({"table": "user_feature_store"}) == expected


def test_read_request__takes_all_fields() -> None:
    """The fields are the request's names, each up to its most."""
    stored = {
        "table": TABLE_ARN,
        "dry_run": True,
        "segments": MAX_SEGMENTS,
        "workers": 100,
        "events_per_second": 100_000,
        "filter": {"entity_type": "bright_uid", "resource_name": "user_features"},
        "run": "after-the-outage",
    }
    assert read_request(stored)._asdict() == stored


def test_read_request__names_every_mistake() -> None:
    """Whoever asks has to correct and ask once."""
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
        read_request(stored)
    assert str(caught.value) == (
        "the request is invalid: prefix is not known; dry_run must be true or false; "
        "segments must be a whole number from 1 to 500; workers must be a whole number from 1 to 100; "
        "events_per_second must be a whole number from 1 to 100000; "
        "filter must be null, or an object of texts with some of entity_type, resource_name; "
        "run must be the name of an earlier run; table is missing: a table's name or its ARN; "
        'count what there is by {"table": "user_feature_store", "dry_run": true}'
    )


@pytest.mark.parametrize("stored", [None, [], "user_feature_store", 7, {}])
def test_read_request__needs_a_table(stored: object) -> None:
    """What is no object has no table."""
    with pytest.raises(Misconfigured, match="table is missing"):
        read_request(stored)


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
        ({"run": "a" * 81}, "run must be"),
        ({"run": None}, "run must be"),
    ],
)
def test_read_request__refuses(wrong: Json, text: str) -> None:
    """Each field is of its own kind and within its bounds."""
    with pytest.raises(Misconfigured, match=text):
        read_request({"table": "user_feature_store", **wrong})


@pytest.mark.parametrize(("segments", "workers", "expected"), [(100, 10, 200.0), (1, 10, 2000.0), (5, 10, 400.0)])
def test_items_per_second__are_divided_among_those_that_work(segments: int, workers: int, expected: float) -> None:
    """No more workers are at work than there are segments, so that none has a part of the rate in vain."""
    request = read_request({"table": "user_feature_store", "segments": segments, "workers": workers})
    assert request.items_per_second == expected
