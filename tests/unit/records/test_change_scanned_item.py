"""A scanned item becomes a Change without a position in a stream."""

import base64

import pytest

from feature_events.records.change import Change, read_change, read_scanned_item
from tests.support.backfills import ANNOUNCEMENT, KEY_NAMES, STARTED_MS, TABLE_ARN, to_scanned
from tests.support.records import to_record


def test_read_scanned_item__contains_what_a_stream_record_would() -> None:
    """The keys and the image are the same as in a record of the item's INSERT."""
    change = read_scanned_item(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT)
    record = read_change(to_record())
    assert isinstance(record, Change)
    assert (change.keys, change.new_image) == (record.keys, record.new_image)


def test_read_scanned_item__claims_no_position_in_a_stream() -> None:
    """A scan sees neither a write nor a stream. The time is the second in which the backfill started."""
    change = read_scanned_item(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT)
    assert change._replace(keys={}, new_image={}) == Change(
        source_arn=TABLE_ARN,
        table_arn=TABLE_ARN,
        sequence_number=None,
        event_id=ANNOUNCEMENT,
        kind=None,
        keys={},
        new_image={},
        old_image=None,
        created_ms=1_761_955_200_000,
    )


@pytest.mark.parametrize("value", [b"", b"\x00\xff", b"user"])
def test_read_scanned_item__encodes_binary_keys_as_base64(value: bytes) -> None:
    """Stream records have base64, in the keys and in the image."""
    change = read_scanned_item(
        {**to_scanned(), "bright_uid": {"B": value}}, TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT
    )
    expected = {"B": base64.b64encode(value).decode()}
    assert change.keys["bright_uid"] == change.new_image["bright_uid"] == expected


def test_read_scanned_item__does_not_modify_the_item() -> None:
    """The backfill compares it with the table's item later."""
    item = {**to_scanned(), "bright_uid": {"B": b"\x00"}}
    read_scanned_item(item, TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT)
    assert item == {**to_scanned(), "bright_uid": {"B": b"\x00"}}
