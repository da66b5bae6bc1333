"""The details of an event are those of its record, and only what is asked for is looked for."""

import pytest

from feature_events.events.event import EventDetails, to_details
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.records.change import Change, read_change
from tests.support.layouts import to_layouts
from tests.support.records import CREATED, Json, number_of, to_item, to_record

ALL = set(EventDetails._fields)
MODIFIED = to_record(5, kind="MODIFY", old=to_item(("age", "city")))


def details_of(record: Json, asked: set[str] = ALL) -> EventDetails:
    """The details of this record's event."""
    change, layouts = read_change(record), to_layouts()
    assert isinstance(change, Change)
    entity = read_entity_features(change, layouts, "all")
    assert isinstance(entity, EntityFeatures)
    return to_details(change, entity, layouts, asked)


def test_to_details__of_a_write() -> None:
    """Each is the record's own."""
    time = (CREATED + 5) * 1000
    expected = EventDetails(
        "MODIFY", "user_feature_store", number_of(MODIFIED), time, ("income",), ("city",), backfill=False
    )
    assert details_of(MODIFIED) == expected


def test_to_details__of_a_new_item() -> None:
    """It says so, and all that it has is new."""
    details = details_of(to_record())
    assert (details.change, details.changed_features, details.removed_features) == ("INSERT", ("age", "income"), ())


def test_to_details__has_no_time_where_the_record_has_none() -> None:
    """The item's own time is not the stream's."""
    record = to_record()
    del record["dynamodb"]["ApproximateCreationDateTime"]
    assert details_of(record).stream_time is None


@pytest.mark.parametrize("asked", [{"changed_features"}, {"removed_features", "table"}])
def test_to_details__compares_images_where_one_of_both_lists_is_asked_for(asked: set[str]) -> None:
    """Then both are known."""
    assert details_of(MODIFIED, asked) == details_of(MODIFIED)


def test_to_details__compares_no_images_for_the_others() -> None:
    """It would cost most of all."""
    details = details_of(MODIFIED, ALL - {"changed_features", "removed_features"})
    assert details == details_of(MODIFIED)._replace(changed_features=None, removed_features=None)
