"""Captures of real writers have the form of Lambda's records, and their accounts say something of each."""

import re

import pytest

from tests.support.captures import Json, list_stores, read_capture, to_account_file, to_records_file
from tests.writers.environments import REQUIREMENTS
from tests.writers.stores import STORES

MEMBERS = {"eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "eventSourceARN"}
IMAGES = {"INSERT": {"NewImage"}, "MODIFY": {"NewImage", "OldImage"}, "REMOVE": {"OldImage"}}
BODY = {"ApproximateCreationDateTime", "Keys", "SequenceNumber", "SizeBytes", "StreamViewType"}
EVENT = {"entity_type", "entity_id", "resource_name", "features", "timestamp", "compute_id"}
SKIPS = {"remove", "other_item", "no_features"}
LARGEST = 40_000
"""Bytes of a file: a capture is read by people too."""

is_event_id = re.compile(r"[0-9a-f]{32}").fullmatch
is_stream_arn = re.compile(r"arn:aws:dynamodb:[\w-]+:\d{12}:table/[\w.-]+/stream/[\d:T.-]+").fullmatch
is_time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z").fullmatch


def is_event(event: Json) -> bool:
    """Whether an account's entry is an event with all its parts, or a skip with a known reason."""
    if "skipped" in event:
        return set(event) == {"skipped"} and event["skipped"] in SKIPS
    texts = [event[name] for name in EVENT - {"features", "timestamp"}]
    time = event["timestamp"]
    return (
        set(event) == EVENT and all(isinstance(text, str) for text in texts) and (time is None or bool(is_time(time)))
    )


def test_captures__are_there_for_each_store() -> None:
    """No store is without its capture, and no capture without the script that makes it again."""
    assert list_stores() == sorted(STORES)


@pytest.mark.parametrize("store", STORES)
def test_records__are_as_lambda_hands_them_over(store: str) -> None:
    """Each has Lambda's members, and the images that its kind has under NEW_AND_OLD_IMAGES."""
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
    """The sequence numbers grow, over the tables of one store too."""
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in read_capture(store).records]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("store", STORES)
def test_accounts__speak_of_each_record(store: str) -> None:
    """There is one entry for each record, an event or a skip, and a deleted item is a skip and nothing else is."""
    capture = read_capture(store)
    assert [event for event in capture.events if not is_event(event)] == []
    removed = [record["eventName"] == "REMOVE" for record in capture.records]
    assert [event.get("skipped") == "remove" for event in capture.events] == removed
    assert capture.layouts


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.python])
def test_accounts__are_of_the_version_that_is_locked(store: str) -> None:
    """A capture of a package is made again when the package's version is changed."""
    package, version = read_capture(store).writer.replace(",", "").split()[:2]
    lock = (REQUIREMENTS / f"{store}.txt").read_text()
    assert re.search(rf"^{re.escape(package)}(\[[\w,]+\])?=={re.escape(version)} ", lock, re.MULTILINE)


@pytest.mark.parametrize("store", STORES)
def test_captures__are_small(store: str) -> None:
    """A person can read what a store writes."""
    assert to_records_file(store).stat().st_size < LARGEST
    assert to_account_file(store).stat().st_size < LARGEST
