"""The details of an event come from its record; images are compared only if a requested detail needs that."""

import pytest

from feature_events.events.event import EventDetails, to_details
from tests.support.layouts import to_layouts
from tests.support.pipelines import encode
from tests.support.records import (
    CREATED,
    Json,
    number_of,
    to_expired_record,
    to_item,
    to_record,
    to_removal_record,
)

ALL = set(EventDetails._fields)
MODIFIED = to_record(5, kind="MODIFY", old=to_item(("age", "city")))


def details_of(record: Json, requested: set[str] = ALL) -> EventDetails:
    """Return the details of this record's event."""
    encoded = encode(record, removals="events")
    return to_details(encoded.change, encoded.entity, to_layouts(), requested)


def test_to_details__describe_a_modify() -> None:
    """Each detail comes from the record."""
    time = (CREATED + 5) * 1000
    expected = EventDetails(
        "MODIFY", "user_feature_store", number_of(MODIFIED), time, ("income",), ("city",), backfill=False
    )
    assert details_of(MODIFIED) == expected


def test_to_details__describe_an_insert() -> None:
    """All features of an inserted item are new."""
    details = details_of(to_record())
    assert (details.change, details.changed_features, details.removed_features) == ("INSERT", ("age", "income"), ())


@pytest.mark.parametrize(
    ("record", "change", "removal", "changed", "removed"),
    [
        (to_removal_record(5, old=to_item(("age", "city"))), "REMOVE", "deleted", (), ("age", "city")),
        (to_expired_record(5, old=to_item(("age", "city"))), "REMOVE", "expired", (), ("age", "city")),
        (to_removal_record(5), "REMOVE", "deleted", None, None),
        (to_removal_record(5, old={"features": {"S": "age"}}), "REMOVE", "deleted", None, None),
        (to_record(5, kind="MODIFY", item={}, old=to_item()), "MODIFY", "emptied", (), ("age", "income")),
        (to_record(5, kind="MODIFY", item={}), "MODIFY", "emptied", None, None),
    ],
)
def test_to_details__describe_a_removal(
    record: Json,
    change: str,
    removal: str,
    changed: tuple[str, ...] | None,
    removed: tuple[str, ...] | None,
) -> None:
    """The old image shows the removed features."""
    time = (CREATED + 5) * 1000
    expected = EventDetails(
        change, "user_feature_store", number_of(record), time, changed, removed, backfill=False, removal=removal
    )
    assert details_of(record) == expected


def test_to_details__name_the_removed_features_that_a_layout_writes() -> None:
    """An item without attributes would still have them."""
    layout = {"keys": {"bright_uid": "{entity_id}", "category": "{}"}, "entity_type": "user", "resource_name": "r"}
    layouts = to_layouts(layout | {"features": {"names": ["score"]}})
    encoded = encode(to_removal_record(old={"value": {"N": "1"}}), layouts=layouts, removals="events")
    details = to_details(encoded.change, encoded.entity, layouts, ALL)
    assert (details.changed_features, details.removed_features) == ((), ("score",))


def test_to_details__have_no_stream_time_if_the_record_has_none() -> None:
    """The item's own time does not replace it."""
    record = to_record()
    del record["dynamodb"]["ApproximateCreationDateTime"]
    assert details_of(record).stream_time is None


@pytest.mark.parametrize("requested", [{"changed_features"}, {"removed_features", "table"}])
def test_to_details__compare_images_if_either_list_is_requested(requested: set[str]) -> None:
    """One comparison determines both lists."""
    assert details_of(MODIFIED, requested) == details_of(MODIFIED)


def test_to_details__compare_no_images_for_the_others() -> None:
    """The comparison is the most expensive part."""
    details = details_of(MODIFIED, ALL - {"changed_features", "removed_features"})
    assert details == details_of(MODIFIED)._replace(changed_features=None, removed_features=None)
