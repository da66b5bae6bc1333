"""Captures contain records in Lambda's form, and an expected event or skip for each."""

import re

import pytest

from tests.support.captures import Json, list_stores, read_capture
from tests.writers.environments import REQUIREMENTS
from tests.writers.stores import STORES

MEMBERS = {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN"}
IMAGES = {"INSERT": {"NewImage"}, "MODIFY": {"NewImage", "OldImage"}, "REMOVE": {"OldImage"}}
BODY = {"ApproximateCreationDateTime", "Keys", "SequenceNumber", "SizeBytes", "StreamViewType"}
EVENT = {"entity_type", "entity_id", "resource_name", "features", "timestamp", "compute_id"}
SKIPS = {"remove", "other_item", "no_features"}

is_event_id = re.compile(r"[0-9a-f]{32}").fullmatch
is_stream_arn = re.compile(r"arn:aws:dynamodb:[\w-]+:\d{12}:table/[\w.-]+/stream/[\d:T.-]+").fullmatch
is_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").fullmatch


def is_event(event: Json) -> bool:
    """Return whether an entry is a complete event, or a skip with a known reason."""
    if "skipped" in event:
        return set(event) == {"skipped"} and event["skipped"] in SKIPS
    texts = [event[name] for name in EVENT - {"features", "timestamp"}]
    time = event["timestamp"]
    return (
        set(event) == EVENT and all(isinstance(text, str) for text in texts) and (time is None or bool(is_time(time)))
    )


def test_captures__exist_for_each_store() -> None:
    """Every capture has a script that can update it."""
    assert list_stores() == sorted(STORES)


@pytest.mark.parametrize("store", STORES)
def test_records__have_lambdas_form(store: str) -> None:
    """Each has Lambda's members, and the images of a NEW_AND_OLD_IMAGES stream."""
    for record in read_capture(store).records:
        body = record["dynamodb"]
        assert set(record) == MEMBERS
        assert set(body) == BODY | IMAGES[record["eventName"]]
        assert body["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert isinstance(body["ApproximateCreationDateTime"], int)
        assert all(body["Keys"].items() <= body[image].items() for image in IMAGES[record["eventName"]])
        assert is_event_id(record["eventID"])
        assert is_stream_arn(record["eventSourceARN"])


@pytest.mark.parametrize("store", STORES)
def test_records__are_in_the_order_of_the_writes(store: str) -> None:
    """Sequence numbers increase, even across the tables of a store."""
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in read_capture(store).records]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("store", STORES)
def test_accounts__have_an_entry_for_each_record(store: str) -> None:
    """An entry is an event or a skip. The reason `remove` is used for exactly the deleted items."""
    capture = read_capture(store)
    assert [event for event in capture.events if not is_event(event)] == []
    removed = [record["eventName"] == "REMOVE" for record in capture.records]
    assert [event.get("skipped") == "remove" for event in capture.events] == removed
    assert capture.layouts


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.python])
def test_accounts__name_the_locked_version(store: str) -> None:
    """A capture must be updated when the version of its package changes."""
    package, version = read_capture(store).writer.replace(",", "").split()[:2]
    lock = (REQUIREMENTS / f"{store}.txt").read_text()
    assert re.search(rf"^{re.escape(package)}(\[[\w,]+\])?=={re.escape(version)} ", lock, re.MULTILINE)
