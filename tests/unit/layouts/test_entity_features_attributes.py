"""Layouts with attributes apply to the items that have them, now or before the change."""

import json
from typing import Any

import pytest

from feature_events.errors import Misconfigured
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, Removals, read_entity_features
from feature_events.layouts.features import FeatureChanges, read_feature_changes
from feature_events.layouts.parser import SHIPPED
from feature_events.records.change import Change, Skipped, read_change, read_scanned_item
from tests.support.backfills import TABLE_ARN
from tests.support.layouts import to_layouts
from tests.support.records import to_item, to_record, to_removal_record

type Json = dict[str, Any]

KEYS = {"pk": {"S": "$fs#userid_u-ä1"}, "sk": {"S": "$profile_1"}}
BASE = {
    "keys": {"pk": "$fs#userid_{}", "sk": "{}"},
    "entity_type": "user",
    "entity_id": "u",
    "resource_name": "profile",
    "features": {"except": []},
}
BY_ID = BASE | {"attributes": {"userId": "{entity_id}"}, "entity_id": "{entity_id}"}
LIVE = BY_ID | {"attributes": {"userId": "{entity_id}", "deleted": "false"}}
BY_KIND = {
    kind: BASE
    | {"attributes": {"_type": kind, "id": f"{kind}-{{id}}"}, "entity_type": kind.lower(), "entity_id": "{id}"}
    for kind in ("User", "Shop")
}
USER: Json = {"userId": {"S": "U-Ä1"}, "deleted": {"BOOL": False}, "age": {"N": "34"}}
DELETED = USER | {"deleted": {"BOOL": True}}


def to_change(kind: str | None, new: Json | None, old: Json | None = None, view: str = "NEW_AND_OLD_IMAGES") -> Change:
    """Return the change of an item of these layouts. A kind of None scans the item."""
    if kind is None:
        return read_scanned_item(KEYS | (new or {}), TABLE_ARN, tuple(KEYS), 1_760_100_000_000, "announcement")
    record = to_removal_record() if new is None else to_record(kind=kind, view=view)
    body = record["dynamodb"]
    body["Keys"] = KEYS
    if new is not None:
        body["NewImage"] = KEYS | new
    if old is not None:
        body["OldImage"] = KEYS | old
    change = read_change(record, skips_removes=False)
    assert isinstance(change, Change)
    return change


def read(
    change: Change, *layouts: Json, mode: FeaturesMode = "all", removals: Removals = "events"
) -> EntityFeatures | Skipped:
    """Return what is read from a change."""
    return read_entity_features(change, to_layouts(*layouts), mode, removals)


def entity_of(found: EntityFeatures | Skipped) -> tuple[str, str, tuple[str, ...], str | None]:
    """Return the parts of an entity that depend on attributes."""
    assert isinstance(found, EntityFeatures)
    return found.entity_type, found.entity_id, found.features, found.removal


@pytest.mark.parametrize("kind", ["INSERT", None])
@pytest.mark.parametrize(
    ("attributes", "item", "entity_id"),
    [
        ({"userId": "{entity_id}"}, {"userId": {"S": "U-Ä1"}}, "U-Ä1"),
        ({"userId": "{entity_id}"}, {"userId": {"N": "1.50"}}, "1.50"),
        ({"userId": "{entity_id}"}, {"userId": {"BOOL": True}}, "true"),
        ({"userId": "user-{entity_id}"}, {"userId": {"S": "user-7"}}, "7"),
        ({"a.b": "{entity_id}@{}"}, {"a.b": {"S": "u@x"}}, "u"),
        ({"userId": "{entity_id}", "deleted": "false"}, {"userId": {"S": "u"}, "deleted": {"BOOL": False}}, "u"),
        ({"userId": "{entity_id}", "deleted": "false"}, {"userId": {"S": "u"}, "deleted": {"S": "false"}}, "u"),
        ({"userId": "{entity_id}", "version": "2"}, {"userId": {"S": "u"}, "version": {"N": "2"}}, "u"),
    ],
)
def test_read_entity_features__captures_attributes(
    kind: str | None, attributes: Json, item: Json, entity_id: str
) -> None:
    """Strings, numbers as they are stored, and Booleans as JSON. These attributes are not features."""
    found = read(
        to_change(kind, item | {"age": {"N": "34"}}), BASE | {"attributes": attributes, "entity_id": "{entity_id}"}
    )
    assert entity_of(found) == ("user", entity_id, ("age",), None)


@pytest.mark.parametrize("removals", ["none", "events"])
@pytest.mark.parametrize(
    "item",
    [
        {},
        {"userId": {"NULL": True}},
        {"userId": {"S": ""}},
        {"userId": {"S": "user-"}},
        {"userId": {"S": "U-1"}},
        {"userId": {"S": 7}},
        {"userId": {"S": "user-1", "N": "1"}},
        {"userId": {"B": "dXNlci0x"}},
        {"userId": {"M": {"S": {"S": "user-1"}}}},
        {"userId": {"SS": ["user-1"]}},
        {"userId": {"BOOL": "user-1"}},
        {"userId": {}},
        {"userId": "user-1"},
        {"userid": {"S": "user-1"}},
    ],
)
def test_read_entity_features__skips_an_item_without_the_attributes(item: Json, removals: Removals) -> None:
    """A missing attribute, another type and another text are not errors: it is another item."""
    layout = BY_ID | {"attributes": {"userId": "user-{entity_id}"}}
    assert read(to_change("INSERT", item | {"age": {"N": "34"}}), layout, removals=removals) is Skipped.OTHER_ITEM


def test_read_entity_features__never_reads_the_attributes_as_features() -> None:
    """An item that contains nothing else has no features."""
    item = {"userId": {"S": "u"}, "deleted": {"BOOL": False}}
    assert read(to_change("INSERT", item), LIVE) is Skipped.NO_FEATURES
    names = {"features": {"names": ["profile of {entity_id}"]}}
    changed = to_change("MODIFY", item | {"userId": {"S": "u"}, "a": {"N": "1"}}, item | {"a": {"N": "1"}})
    assert read(changed, BY_ID | names, mode="changed") is Skipped.UNCHANGED


def test_read_entity_features__uses_captures_in_every_text() -> None:
    """Captures of attributes are used like those of keys."""
    layout = BASE | {
        "attributes": {"cls": "{entity_type}", "id": "{entity_id}", "view": "{resource_name}", "t": "{updated_at}"},
        "entity_type": "{entity_type}",
        "entity_id": "{entity_id}",
        "resource_name": "{resource_name}",
        "features": {"names": ["{entity_type}.{resource_name}"]},
    }
    item = {"cls": {"S": "User"}, "id": {"N": "7"}, "view": {"S": "clicks"}, "t": {"S": "2025-10-10"}}
    expected = EntityFeatures("User", "7", "clicks", ("User.clicks",), "2025-10-10T00:00:00.000Z", "")
    assert read(to_change("INSERT", item), layout) == expected


@pytest.mark.parametrize(("kind", "entity_id"), [("User", "1"), ("Shop", "9"), ("Order", None)])
def test_read_entity_features__distinguishes_layouts_with_the_same_keys(kind: str, entity_id: str | None) -> None:
    """The first layout whose attributes match is used."""
    found = read(
        to_change("INSERT", {"_type": {"S": kind}, "id": {"S": f"{kind}-{entity_id}"}, "a": {"N": "1"}}),
        *BY_KIND.values(),
    )
    if entity_id is None:
        assert found is Skipped.OTHER_ITEM
    else:
        assert entity_of(found) == (kind.lower(), entity_id, ("a",), None)


@pytest.mark.parametrize("mode", ["all", "changed"])
@pytest.mark.parametrize(
    ("new", "old", "removal"),
    [
        (None, USER, "deleted"),
        (DELETED, USER, "emptied"),
        ({"age": {"N": "34"}}, USER, "emptied"),
        ({"userId": {"S": "other"}, "deleted": {"BOOL": False}}, USER, "emptied"),
    ],
    ids=["deleted", "softly deleted", "without its attributes", "without features and of another entity"],
)
def test_read_entity_features__reads_the_removed_entity_from_the_old_image(
    mode: FeaturesMode, new: Json | None, old: Json, removal: str
) -> None:
    """An item that no longer has its layout's attributes lost its features."""
    change = to_change("MODIFY", new, old)
    assert entity_of(read(change, LIVE, mode=mode)) == ("user", "U-Ä1", (), removal)
    assert isinstance(read(change, LIVE, mode=mode, removals="none"), Skipped)


@pytest.mark.parametrize(
    ("new", "old", "skipped"),
    [
        (None, DELETED, Skipped.OTHER_ITEM),
        (None, {"age": {"N": "34"}}, Skipped.OTHER_ITEM),
        (None, {"userId": {"S": "u"}, "deleted": {"BOOL": False}}, Skipped.NO_FEATURES),
        (DELETED, DELETED, Skipped.OTHER_ITEM),
        (DELETED, {"userId": {"S": "u"}, "deleted": {"BOOL": False}}, Skipped.NO_FEATURES),
        ({"userId": {"S": "u"}, "deleted": {"BOOL": False}}, DELETED, Skipped.NO_FEATURES),
    ],
)
def test_read_entity_features__skips_a_removal_of_an_item_that_was_not_announced(
    new: Json | None, old: Json, skipped: Skipped
) -> None:
    """The old image had other attributes, or no features."""
    assert read(to_change("MODIFY", new, old), LIVE) is skipped


@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [("MODIFY", USER, None), ("MODIFY", DELETED, None), ("REMOVE", None, None)],
)
def test_read_entity_features__needs_old_images_for_removals(kind: str, new: Json | None, old: Json | None) -> None:
    """The error names the parameter, the view type and the layout. `REMOVALS=none` needs no old images."""
    change = to_change(kind, new, old, "NEW_IMAGE")
    other = BASE | {"keys": {"pk": "OTHER#{}", "sk": "{}"}}
    message = r"^Removals \(REMOVALS\) is events, which needs StreamViewType NEW_AND_OLD_IMAGES for layout 2,"
    with pytest.raises(Misconfigured, match=message):
        read(change, other, LIVE)
    if new is not None:
        read(change, other, LIVE, removals="none")


def test_read_entity_features__needs_old_images_only_for_its_own_keys() -> None:
    """Layouts with other keys do not matter, and neither does an insert."""
    other = LIVE | {"keys": {"pk": "OTHER#{}", "sk": "{}"}}
    assert entity_of(read(to_change("MODIFY", USER, view="NEW_IMAGE"), other, BASE))[0] == "user"
    assert entity_of(read(to_change("REMOVE", None), other, BASE))[3] == "deleted"
    assert entity_of(read(to_change("INSERT", USER, view="NEW_IMAGE"), LIVE))[3] is None


MOVED = USER | {"userId": {"S": "other"}}


@pytest.mark.parametrize(
    ("new", "old", "features"),
    [
        (USER | {"age": {"N": "35"}, "city": {"S": "x"}}, USER | {"city": {"S": "x"}}, ("age",)),
        (MOVED, USER, ("age",)),
        (USER, DELETED, ("age",)),
        (USER, {"age": {"N": "34"}}, ("age",)),
    ],
    ids=["same entity", "other entity", "deleted before", "without attributes before"],
)
def test_read_entity_features__names_all_features_of_an_item_that_was_another_before(
    new: Json, old: Json, features: tuple[str, ...]
) -> None:
    """With FEATURES_MODE=changed, features are compared only with those of the same entity."""
    change = to_change("MODIFY", new, old)
    found = read(change, LIVE, mode="changed")
    assert isinstance(found, EntityFeatures)
    assert found.features == features
    assert read_feature_changes(change, found.features, to_layouts(LIVE)) == FeatureChanges(features, ())


def test_read_entity_features__compares_features_of_an_entity_that_changed_its_layout() -> None:
    """An item can change its layout without changing its entity."""
    versions = [
        BY_ID | {"attributes": {"userId": "{entity_id}", "v": number}, "features": features}
        for number, features in (("1", "old"), ("2", "new"))
    ]
    item = {
        "userId": {"S": "u"},
        "old": {"M": {"a": {"N": "1"}, "b": {"N": "1"}}},
        "new": {"M": {"a": {"N": "1"}, "c": {"N": "1"}}},
    }
    change = to_change("MODIFY", item | {"v": {"N": "2"}}, item | {"v": {"N": "1"}})
    assert entity_of(read(change, *versions, mode="changed"))[2] == ("c",)
    assert read_feature_changes(change, ("c",), to_layouts(*versions)) == FeatureChanges(("c",), ("b",))


@pytest.mark.parametrize("new", [None, DELETED])
def test_read_feature_changes__of_a_removal_have_the_names_of_the_old_image(new: Json | None) -> None:
    """A soft delete, too, removes the features of the old image."""
    change = to_change("MODIFY", new, USER | {"city": {"S": "x"}})
    assert read_feature_changes(change, (), to_layouts(LIVE)) == FeatureChanges((), ("age", "city"))


def test_read_entity_features__ignores_attributes_of_layouts_after_one_for_all_items() -> None:
    """The default layout, which is read directly, applies to every item of its tables."""
    later = {"keys": {"bright_uid": "{entity_id}", "category": "{}"}, "attributes": {"a": "b"}, "entity_type": "user"}
    later |= {"resource_name": "r", "features": {"except": []}}
    layouts = to_layouts(*json.loads(SHIPPED.joinpath("default.json").read_text()), later)
    change = read_change(to_record(kind="MODIFY", item=to_item(value=2), old=to_item(("age",), value=2)))
    assert isinstance(change, Change)
    found = read_entity_features(change, layouts, "changed", "events")
    assert entity_of(found) == ("bright_uid", "user-1", ("income",), None)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (USER, None, None),
        (USER | {"deletedAt": {"N": "1"}}, USER, "emptied"),
        (USER | {"deletedAt": {"N": "1"}}, USER | {"deletedAt": {"N": "1"}}, Skipped.NO_FEATURES),
        (None, USER | {"deletedAt": {"N": "1"}}, Skipped.NO_FEATURES),
        (None, USER, "deleted"),
        (USER, USER | {"deletedAt": {"N": "1"}}, None),
    ],
    ids=["new", "softly deleted", "changed while deleted", "purged", "deleted", "restored"],
)
def test_read_entity_features__excludes_items_with_an_attribute(
    new: Json | None, old: Json | None, expected: str | None
) -> None:
    """A layout without features, before the others, is for the items that have it."""
    layouts = [BASE | {"attributes": {"deletedAt": "{}"}, "features": "none"}, BY_ID]
    found = read(to_change("INSERT" if old is None else "MODIFY", new, old), *layouts)
    if isinstance(found, EntityFeatures):
        assert found.entity_id == "U-Ä1"
        assert found.removal == expected
    else:
        assert found is expected
