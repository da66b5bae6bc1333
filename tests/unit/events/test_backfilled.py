"""A backfilled event is known by what it says, and by its headers for what it is."""

from typing import Any

import pytest

from feature_events.errors import PoisonRecord
from feature_events.events.backfilled import to_backfilled_details, to_backfilled_event, to_backfilled_headers
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent, to_event
from feature_events.events.message import to_headers, to_message
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.records.change import Change, to_change
from tests.support.backfills import KEY_NAMES, STARTED_MS, TABLE_ARN, to_scanned
from tests.support.records import WRITTEN

ENTITY = EntityFeatures("bright_uid", "user-1", "user_features", ("age", "income"), WRITTEN, "nightly")
LATER_MS = STARTED_MS + 86_400_000


def change_of(table_arn: str = TABLE_ARN, started_ms: int = STARTED_MS) -> Change:
    """The change that an item of this table stands for, in a run that began then."""
    return to_change(to_scanned(), table_arn, KEY_NAMES, started_ms)


def event_of(entity: EntityFeatures = ENTITY, change: Change | None = None) -> FeatureAvailabilityEvent:
    """The event of an item that means this."""
    return to_backfilled_event(entity, change or change_of())


def test_to_backfilled_event__says_what_a_live_one_does() -> None:
    """Only its id is its own."""
    event = event_of()
    assert event._replace(event_id="") == to_event(ENTITY, change_of())._replace(event_id="")


def test_to_backfilled_event__has_one_id_in_every_run() -> None:
    """A consumer that has seen the state knows it, also a year from now: the id is as it always was."""
    assert event_of(change=change_of(started_ms=LATER_MS)) == event_of()
    assert event_of().event_id == "2841a171-bb3c-5443-be56-663e0c41877e"


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
def test_to_backfilled_event__has_another_id_for_another_state(other: Any) -> None:  # noqa: ANN401  # fields
    """Each field counts, and none runs into the next."""
    assert event_of(ENTITY._replace(**other)).event_id != event_of().event_id


def test_to_backfilled_event__has_another_id_in_another_table() -> None:
    """Two tables may have items of the same keys."""
    assert event_of(change=change_of(f"{TABLE_ARN}_2")).event_id != event_of().event_id


def test_to_backfilled_event__has_the_runs_time_where_the_item_has_none() -> None:
    """It is as the table was then."""
    assert event_of(ENTITY._replace(updated_at="")).timestamp == "2025-11-01T00:00:00.000Z"


def test_to_backfilled_event__refuses_what_is_no_unicode() -> None:
    """Neither an id nor Avro can be made of it."""
    with pytest.raises(PoisonRecord, match="not valid Unicode"):
        event_of(ENTITY._replace(features=("\ud800",)))


def test_to_backfilled_headers__say_what_it_is() -> None:
    """It has no place in a stream, and says so; all else is as of a live one."""
    event, change = event_of(), change_of()
    headers = to_backfilled_headers(event, change)
    assert headers[-1] == ("ce_backfill", b"true")
    assert headers[:-1] == [each for each in to_headers(event, change) if each[0] != "ce_sequence"]
    assert dict(headers)["ce_id"] == event.event_id.encode()


def test_to_message__of_a_backfilled_event_has_the_runs_time() -> None:
    """By the item's own, Kafka's retention would delete it within seconds."""
    event, change = event_of(), change_of()
    assert to_message(event, change, b"", []).timestamp_ms == STARTED_MS
    assert event.timestamp == WRITTEN


def test_to_backfilled_details__are_what_a_scan_knows() -> None:
    """Its table, and that it is a backfill's; which writes led to the item, and when, nobody has seen."""
    expected = EventDetails(None, "user_feature_store", None, None, None, None, backfill=True)
    assert to_backfilled_details(change_of()) == expected
