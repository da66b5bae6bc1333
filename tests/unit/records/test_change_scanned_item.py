"""A scanned item is the change that a record of its insertion would be, but for its place in a stream."""

import base64

import pytest

from feature_events.records.change import Change, Stream, read_change, to_change
from tests.support.backfills import KEY_NAMES, STARTED_MS, TABLE_ARN, to_scanned
from tests.support.records import to_record


def test_to_change__is_as_if_inserted() -> None:
    """What the pipeline reads of it is what it would read of a record."""
    change = to_change(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS)
    record = read_change(to_record())
    assert isinstance(record, Change)
    assert (change.keys, change.new_image) == (record.keys, record.new_image)
    assert (change.is_insert, change.old_image) == (True, None)


def test_to_change__is_of_its_table_and_of_no_place_in_a_stream() -> None:
    """It has no number and no id that could be taken for a record's; its time is the run's."""
    change = to_change(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS)
    assert change.stream == Stream(TABLE_ARN, TABLE_ARN)
    assert (change.sequence_number, change.event_id, change.created_ms) == ("", "", STARTED_MS)


@pytest.mark.parametrize("value", [b"", b"\x00\xff", b"user"])
def test_to_change__has_binary_keys_as_a_record_has(value: bytes) -> None:
    """They are base64 there, in the keys and in the image."""
    change = to_change({**to_scanned(), "bright_uid": {"B": value}}, TABLE_ARN, KEY_NAMES, STARTED_MS)
    expected = {"B": base64.b64encode(value).decode()}
    assert change.keys["bright_uid"] == change.new_image["bright_uid"] == expected


def test_to_change__leaves_the_item_as_it_is() -> None:
    """It is compared with what the table has later."""
    item = {**to_scanned(), "bright_uid": {"B": b"\x00"}}
    to_change(item, TABLE_ARN, KEY_NAMES, STARTED_MS)
    assert item == {**to_scanned(), "bright_uid": {"B": b"\x00"}}
