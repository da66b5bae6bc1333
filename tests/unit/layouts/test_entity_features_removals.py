"""Items that lose their features are read as removals if removals are announced."""

from typing import Any

import pytest

from feature_events.errors import Misconfigured
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, Removals, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from tests.support.layouts import to_layouts
from tests.support.records import to_expired_record, to_item, to_record, to_removal_record

type Json = dict[str, Any]

EMPTY = to_item(features=())
UNREADABLE: Json = {"features": {"S": "age,income"}}
WRITTEN_NAMES = {
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"},
    "entity_type": "user",
    "features": {"names": ["{resource_name}", "score"]},
}
FLAT = {
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"},
    "entity_type": "user",
    "features": {"except": ["ttl"]},
}
PREFIXED = {"keys": {"bright_uid": "user#{entity_id}", "category": "{resource_name}"}, "entity_type": "user"}


def read(
    record: Json, *layouts: Json, mode: FeaturesMode = "all", removals: Removals = "events"
) -> EntityFeatures | Skipped:
    """Return what is read from a record, by default under the default layout."""
    change = read_change(record, skips_removes=removals == "none")
    return read_entity_features(change, to_layouts(*layouts), mode, removals) if isinstance(change, Change) else change


@pytest.mark.parametrize("mode", ["all", "changed"])
@pytest.mark.parametrize(
    ("record", "removal"),
    [
        (to_removal_record(old=to_item()), "deleted"),
        (to_removal_record(), "deleted"),
        (to_removal_record(old=UNREADABLE), "deleted"),
        (to_expired_record(old=to_item()), "expired"),
        (to_expired_record(), "expired"),
        (to_record(kind="MODIFY", item=EMPTY, old=to_item()), "emptied"),
        (to_record(kind="MODIFY", item={}, old=to_item()), "emptied"),
        (to_record(kind="MODIFY", item=EMPTY, view="NEW_IMAGE"), "emptied"),
        (to_record(kind="MODIFY", item=EMPTY, old=UNREADABLE), "emptied"),
    ],
)
def test_read_entity_features__reads_a_removal(mode: FeaturesMode, record: Json, removal: str) -> None:
    """Without a readable old image, the item may have had features that were announced."""
    expected = EntityFeatures("bright_uid", "user-1", "user_features", (), "", "", removal)  # type: ignore[arg-type]
    assert read(record, mode=mode) == expected


@pytest.mark.parametrize("mode", ["all", "changed"])
@pytest.mark.parametrize(
    "record",
    [
        to_record(kind="INSERT", item=EMPTY),
        to_record(kind="MODIFY", item=EMPTY, old=EMPTY),
        to_record(kind="MODIFY", item=EMPTY, old={}),
        to_removal_record(old=EMPTY),
        to_expired_record(old={}),
    ],
)
def test_read_entity_features__skips_a_removal_of_an_item_without_features(mode: FeaturesMode, record: Json) -> None:
    """Nothing was announced for it."""
    assert read(record, mode=mode) is Skipped.NO_FEATURES


@pytest.mark.parametrize("old", [to_item(), UNREADABLE, {}])
def test_read_entity_features__of_a_removal_names_the_features_that_the_layout_writes(old: Json) -> None:
    """A consumer can then remove one feature per item."""
    entity = read(to_removal_record(old=old), WRITTEN_NAMES)
    assert isinstance(entity, EntityFeatures)
    assert (entity.features, entity.removal) == (("user_features", "score"), "deleted")


def test_read_entity_features__reads_a_removal_of_a_flat_item() -> None:
    """Its features are attributes, so an item that keeps only others is emptied."""
    ttl = {"ttl": {"N": "1"}}
    emptied = read(to_record(kind="MODIFY", item=ttl, old={**ttl, "age": {"N": "3"}}), FLAT)
    assert isinstance(emptied, EntityFeatures)
    assert (emptied.features, emptied.removal) == ((), "emptied")
    assert read(to_removal_record(old=ttl), FLAT) is Skipped.NO_FEATURES


def test_read_entity_features__skips_a_removal_of_another_kind_of_item() -> None:
    """Its keys do not match the layout."""
    assert read(to_removal_record(old=to_item()), {**PREFIXED, "features": "features.data"}) is Skipped.OTHER_ITEM


@pytest.mark.parametrize(
    ("record", "skipped"),
    [
        (to_removal_record(old=to_item()), Skipped.REMOVE),
        (to_record(kind="MODIFY", item=EMPTY, old=to_item()), Skipped.NO_FEATURES),
    ],
)
def test_read_entity_features__skips_removals_by_default(record: Json, skipped: Skipped) -> None:
    """`REMOVALS=none` announces no removal."""
    assert read(record, removals="none") is skipped


def test_read_entity_features__needs_no_old_image_for_a_removal() -> None:
    """`FEATURES_MODE=changed` needs one only if the item has features to compare."""
    with pytest.raises(Misconfigured, match="FeaturesMode"):
        read(to_record(kind="MODIFY", item=to_item(), view="NEW_IMAGE"), mode="changed")
    assert isinstance(read(to_removal_record(), mode="changed"), EntityFeatures)
