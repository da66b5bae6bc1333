"""A stream record becomes a Change, or an error names its defect."""

from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.records.change import Change, Skipped, read_change
from tests.support.records import CREATED, STREAM_ARN, Json, to_expired_record, to_item, to_record, to_removal_record


def without(path: str) -> Json:
    """Return a record without one part."""
    return with_value(path, None, delete=True)


def with_value(path: str, value: object, *, delete: bool = False) -> Json:
    """Return a record with one part replaced."""
    record = to_record()
    *parents, name = path.split(".")
    part: Any = record
    for parent in parents:
        part = part[parent]
    if delete:
        del part[name]
    else:
        part[name] = value
    return record


def test_read_change__copies_every_part_of_the_record() -> None:
    """Nothing in a Change comes from elsewhere."""
    record = to_record(3, kind="MODIFY", old=to_item(value=0))
    body = record["dynamodb"]
    change = read_change(record)
    assert change == Change(
        source_arn=STREAM_ARN,
        table_arn="arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store",
        sequence_number=body["SequenceNumber"],
        event_id=record["eventID"],
        kind="MODIFY",
        keys=body["Keys"],
        new_image=body["NewImage"],
        old_image=body["OldImage"],
        created_ms=(CREATED + 3) * 1000,
    )


@pytest.mark.parametrize("path", ["eventID", "dynamodb.ApproximateCreationDateTime"])
def test_read_change__accepts_a_record_without_an_optional_part(path: str) -> None:
    """An event needs neither the id nor the time of its record."""
    change = read_change(without(path))
    whole = read_change(to_record())
    assert isinstance(change, Change)
    assert isinstance(whole, Change)
    expected = whole._replace(event_id="") if path == "eventID" else whole._replace(created_ms=None)
    assert change == expected


@pytest.mark.parametrize("path", ["eventID", "dynamodb.ApproximateCreationDateTime"])
def test_read_change__names_the_missing_part_that_is_required(path: str) -> None:
    """A record without an optional part is refused only for a required one."""
    record = without(path)
    record["dynamodb"]["SequenceNumber"] = 7
    with pytest.raises(PoisonRecord, match="SequenceNumber is not a string of digits"):
        read_change(record)


def test_read_change__skips_a_remove() -> None:
    """By default a deletion is not even read."""
    assert read_change({"eventName": "REMOVE"}) is Skipped.REMOVE


@pytest.mark.parametrize("view", ["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "KEYS_ONLY"])
def test_read_change__reads_a_remove_if_removals_are_announced(view: str) -> None:
    """A removed item is empty. Its keys are in every record, whatever the view type."""
    record = to_removal_record()
    record["dynamodb"]["StreamViewType"] = view
    change = read_change(record, skips_removes=False)
    assert isinstance(change, Change)
    assert (change.kind, change.new_image, change.old_image, change.is_expired) == ("REMOVE", {}, None, False)


@pytest.mark.parametrize("path", ["dynamodb.Keys", "dynamodb.SequenceNumber", "eventSourceARN"])
def test_read_change__names_the_defect_of_a_remove(path: str) -> None:
    """A removal needs the same envelope as any change, except for the new image."""
    record = to_removal_record()
    body, name = (record, path) if "." not in path else (record["dynamodb"], path.split(".")[1])
    del body[name]
    with pytest.raises(PoisonRecord, match=name):
        read_change(record, skips_removes=False)


@pytest.mark.parametrize(
    ("identity", "is_expired"),
    [
        ({"type": "Service", "principalId": "dynamodb.amazonaws.com"}, True),
        ({"type": "Service", "principalId": "dynamodb.amazonaws.com", "more": None}, True),
        ({"type": "Service", "principalId": "replication.dynamodb.amazonaws.com"}, False),
        ({"type": "User", "principalId": "dynamodb.amazonaws.com"}, False),
        ({"principalId": "dynamodb.amazonaws.com"}, False),
        ({"type": ["Service"], "principalId": {}}, False),
        ("Service", False),
        (None, False),
    ],
)
def test_read_change__recognizes_a_deletion_by_time_to_live(identity: object, is_expired: bool) -> None:  # noqa: FBT001  # a parameter
    """Anything else counts as a deletion by a writer."""
    change = read_change({**to_removal_record(), "userIdentity": identity}, skips_removes=False)
    assert isinstance(change, Change)
    assert change.is_expired is is_expired


def test_read_change__of_a_write_is_never_expired() -> None:
    """The identity is read only from a removal."""
    change = read_change({**to_expired_record(), **to_record()}, skips_removes=False)
    assert isinstance(change, Change)
    assert not change.is_expired


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "the record is not an object"),
        ([], "the record is not an object"),
        ({}, "eventName is neither INSERT, MODIFY nor REMOVE"),
        (with_value("eventName", "UPSERT"), "eventName is neither INSERT, MODIFY nor REMOVE"),
        (with_value("eventName", ["INSERT"]), "eventName is neither INSERT, MODIFY nor REMOVE"),
        (without("dynamodb"), "dynamodb is not an object"),
        (with_value("dynamodb", "x"), "dynamodb is not an object"),
        (without("dynamodb.Keys"), "dynamodb.Keys is not an object"),
        (without("dynamodb.NewImage"), "dynamodb.NewImage is not an object"),
        (with_value("dynamodb.NewImage", []), "dynamodb.NewImage is not an object"),
        (without("dynamodb.SequenceNumber"), "dynamodb.SequenceNumber is not a string of digits"),
        (with_value("dynamodb.SequenceNumber", 7), "dynamodb.SequenceNumber is not a string of digits"),
        (with_value("dynamodb.SequenceNumber", ""), "dynamodb.SequenceNumber is not a string of digits"),
        (with_value("dynamodb.SequenceNumber", "٣"), "dynamodb.SequenceNumber is not a string of digits"),
        (without("eventSourceARN"), "eventSourceARN is not an ARN"),
        (with_value("eventSourceARN", "table"), "eventSourceARN is not an ARN"),
    ],
)
def test_read_change__names_the_defect(record: Any, reason: str) -> None:  # noqa: ANN401  # anything at all
    """Each defect of a record's envelope raises a PoisonRecord that names it."""
    with pytest.raises(PoisonRecord, match=reason):
        read_change(record)


@pytest.mark.parametrize("view", ["KEYS_ONLY", "OLD_IMAGE"])
def test_read_change__refuses_a_stream_without_new_images(view: str) -> None:
    """The error names the view types that work."""
    record = without("dynamodb.NewImage")
    record["dynamodb"]["StreamViewType"] = view
    with pytest.raises(Misconfigured, match=f"{view}.*NEW_AND_OLD_IMAGES or NEW_IMAGE"):
        read_change(record)


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [
        (1, 1000),
        (1760099697.123, 1760099697123),
        (0, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        (10**400, None),
        (253_402_300_799.999, 253_402_300_799_999),
        (253_402_300_800, None),
        (True, None),
        ("1760099697", None),
        (None, None),
    ],
)
def test_read_change__accepts_times_between_1970_and_9999(seconds: object, milliseconds: int | None) -> None:
    """Any other value counts as missing."""
    change = read_change(with_value("dynamodb.ApproximateCreationDateTime", seconds))
    assert isinstance(change, Change)
    assert change.created_ms == milliseconds
