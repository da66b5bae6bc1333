"""The encoder converts Changes to messages, from a stream and from a backfill's scan."""

from typing import Any

import pytest

from feature_events.encoder import Encoded, Encoder
from feature_events.epoch import to_iso
from feature_events.errors import PoisonRecord
from feature_events.events.event import EventDetails, to_details, to_event
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.records.change import Skipped, read_scanned_item
from tests.support.avro import read_avro
from tests.support.backfills import ANNOUNCEMENT, KEY_NAMES, MESSAGE_MS, STARTED_MS, TABLE_ARN, to_scanned
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode, encode_scanned
from tests.support.records import CREATED, WRITTEN, to_item, to_record, to_removal_record

ENTITY = EntityFeatures("bright_uid", "user-1", "user_features", ("age", "income"), WRITTEN, "nightly")


def id_of(entity: EntityFeatures = ENTITY, table_arn: str = TABLE_ARN, announcement: str = ANNOUNCEMENT) -> str:
    """Return the id of a scanned item's event."""
    change = read_scanned_item(to_scanned(), table_arn, KEY_NAMES, STARTED_MS, announcement)
    return to_event(entity, change).event_id


def without_id(encoded: Encoded) -> object:
    """Return the event without its id."""
    return encoded.event._replace(event_id="")


def test_encode__returns_every_value_on_the_way_to_the_message() -> None:
    """The redrive uses the Change and its entity without parsing the record again."""
    encoded = encode(to_record())
    assert encoded.entity.entity_id == encoded.event.entity_id == encoded.message.key.decode() == "user-1"
    assert encoded.change.new_image == to_record()["dynamodb"]["NewImage"]


def test_encode_record__does_not_read_a_remove_by_default() -> None:
    """Even an invalid one is skipped, because it produces no event anyway."""
    encoder = Encoder(to_layouts(), "all", PREFIX, CODEC)
    assert encoder.encode_record({"eventName": "REMOVE"}) is Skipped.REMOVE


def test_encode_record__announces_a_removal() -> None:
    """Its time is that of the change. The schema's first version can express it."""
    encoded = encode(to_removal_record(5, old=to_item()), removals="events")
    time_ms = (CREATED + 5) * 1000
    assert tuple(encoded.event) == (
        encoded.event.event_id,
        "feature_unavailable",
        to_iso(time_ms),
        "bright_uid",
        "user-1",
        "feature",
        "user_features",
        "",
        (),
    )
    headers = dict(encoded.message.headers)
    assert headers["ce_type"] == b"com.featurestore.events.feature_unavailable"
    assert headers["ce_id"].decode() == encoded.event.event_id
    assert headers["ce_sequence"].decode() == encoded.change.sequence_number
    assert (encoded.message.event_type, encoded.message.timestamp_ms) == ("feature_unavailable", time_ms)
    assert read_avro(SHIPPED_SCHEMA).read(encoded.message.value[5:]) == {**encoded.event._asdict(), "features": []}


def test_encode_record__announces_a_removal_with_the_same_id_as_any_change() -> None:
    """A duplicate of a removal is recognized like that of a write."""
    removal = encode(to_removal_record(5), removals="events")
    write = encode(to_record(5))
    assert removal.event.event_id == write.event.event_id


def test_encode_record__refuses_a_removal_without_a_time() -> None:
    """A removal has no time except that of its change."""
    record = to_removal_record()
    del record["dynamodb"]["ApproximateCreationDateTime"]
    with pytest.raises(PoisonRecord, match="ApproximateCreationDateTime"):
        encode(record, removals="events")


def test_encode__describes_a_scanned_item_as_a_live_one() -> None:
    """Only the id and two headers differ."""
    live, scanned = encode(to_record()), encode_scanned(to_scanned())
    assert without_id(scanned) == without_id(live)
    assert scanned.message.key == live.message.key
    differing = ("ce_id", "ce_sequence", "ce_backfill")
    headers = [[each for each in encoded.message.headers if each[0] not in differing] for encoded in (live, scanned)]
    assert headers[0] == headers[1]


def test_encode__dates_a_scanned_items_message_one_second_before_the_backfill() -> None:
    """Stream times are rounded down, and clocks differ: the live event of a later write must have the later time.

    With the item's own time, Kafka's retention would delete the message within seconds.
    """
    encoded = encode_scanned(to_scanned())
    assert (encoded.message.timestamp_ms, encoded.event.timestamp) == (MESSAGE_MS, WRITTEN)


def test_encode__names_all_features_of_a_scanned_item() -> None:
    """FEATURES_MODE=changed compares two images, and a scan has only one."""
    assert encode_scanned(to_scanned(), features_mode="changed").event.features == ("age", "income")


def test_to_event__derives_the_id_of_a_scanned_item() -> None:
    """The id contains nothing random."""
    assert id_of() == id_of() == "f343f048-35d1-57a3-b5df-70e906b6a146"


@pytest.mark.parametrize("other", [f"{STARTED_MS}/1/2", f"{STARTED_MS}/2/0", f"{STARTED_MS + 1}/1/0"])
def test_to_event__gives_the_same_state_another_id_in_another_announcement(other: str) -> None:
    """A consumer that drops duplicates must see an item that changes and changes back."""
    assert id_of(announcement=other) != id_of()


@pytest.mark.parametrize(
    "other",
    [
        {"entity_type": "account_pid"},
        {"entity_id": "user-2"},
        {"resource_name": "user_features_2"},
        {"features": ("age",)},
        {"features": ("age, income",)},
        {"updated_at": "2025-10-10T12:34:56.790Z"},
        {"compute_id": ""},
    ],
)
def test_to_event__gives_another_scanned_state_another_id(other: Any) -> None:  # noqa: ANN401  # fields
    """Each field counts, and none runs into the next."""
    assert id_of(ENTITY._replace(**other)) != id_of()


def test_to_event__gives_the_same_state_in_another_table_another_id() -> None:
    """Two tables may have items with the same keys."""
    assert id_of(table_arn=f"{TABLE_ARN}_2") != id_of()


def test_to_event__uses_the_backfills_time_if_the_item_has_none() -> None:
    """It is rounded down to the second, like a stream time."""
    change = read_scanned_item(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT)
    assert to_event(ENTITY._replace(updated_at=""), change).timestamp == "2025-11-01T00:00:00.000Z"


def test_to_event__refuses_a_scanned_item_that_is_not_valid_unicode() -> None:
    """Neither an id nor Avro can be made of it."""
    with pytest.raises(PoisonRecord, match="not valid Unicode"):
        id_of(ENTITY._replace(features=("\ud800",)))


def test_to_details__of_a_scanned_item_are_its_table_and_the_backfill() -> None:
    """It is unknown which writes led to the item, and when."""
    change = read_scanned_item(to_scanned(), TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT)
    expected = EventDetails(None, "user_feature_store", None, None, None, None, backfill=True)
    assert to_details(change, ENTITY, to_layouts(), set(EventDetails._fields)) == expected
