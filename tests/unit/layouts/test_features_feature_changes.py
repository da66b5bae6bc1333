"""Changed and removed features are read from both images."""

import pytest

from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.layouts.features import FeatureChanges, read_feature_changes
from feature_events.records.change import Change, read_change
from tests.support.layouts import to_layouts
from tests.support.records import Json, to_item, to_record


def changes_of(record: Json) -> FeatureChanges | None:
    """Return how the write of this record affected the features."""
    change, layouts = read_change(record), to_layouts()
    assert isinstance(change, Change)
    entity = read_entity_features(change, layouts, "all")
    assert isinstance(entity, EntityFeatures)
    return read_feature_changes(change, entity.features, layouts)


@pytest.mark.parametrize(
    ("old", "changed", "removed"),
    [
        (to_item(("age", "income")), (), ()),
        (to_item(("income", "age"), value=2), ("age", "income"), ()),
        (to_item(("age",)), ("income",), ()),
        (to_item(("city", "age", "income", "area")), (), ("city", "area")),
        (to_item(("city",)), ("age", "income"), ("city",)),
        (to_item(()), ("age", "income"), ()),
        ({}, ("age", "income"), ()),
        ({"features": {"S": "of another layout"}}, ("age", "income"), ()),
    ],
)
def test_read_feature_changes__compares_both_images(
    old: Json, changed: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    """Changed features have the item's order, removed ones that of the old item."""
    assert changes_of(to_record(kind="MODIFY", old=old)) == FeatureChanges(changed, removed)


def test_read_feature_changes__ignores_the_order_of_sets() -> None:
    """The order of a set does not count, even within maps and lists. The order of a list does.

    https://github.com/scylladb/scylla-migrator/issues/282, https://github.com/aws/aws-sdk-java-v2/issues/3951
    """
    new, old = to_item(("age", "income")), to_item(("age", "income"))
    for item, members in ((new, ["1", "2"]), (old, ["2", "1"])):
        numbers = [{"N": member} for member in members]
        item["features"]["M"]["data"]["M"] = {
            **{f"set_{kind}": {kind: members} for kind in ("SS", "NS", "BS")},
            "nested": {"M": {"SS": {"L": [{"M": {"m": {"NS": members}}}]}}},
            "list": {"L": numbers},
        }
    assert changes_of(to_record(kind="MODIFY", item=new, old=old)) == FeatureChanges(("list",), ())


@pytest.mark.parametrize("view", ["NEW_IMAGE", "NEW_AND_OLD_IMAGES"])
def test_read_feature_changes__returns_all_features_of_an_insert(view: str) -> None:
    """The stream's view type does not matter."""
    assert changes_of(to_record(view=view)) == FeatureChanges(("age", "income"), ())


def test_read_feature_changes__returns_none_without_the_old_image() -> None:
    """The changes are then unknown."""
    assert changes_of(to_record(kind="MODIFY", view="NEW_IMAGE")) is None
