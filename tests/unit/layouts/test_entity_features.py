"""Entities and features are read from items; most tests use the default layout."""

from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from tests.support.layouts import to_layouts
from tests.support.records import WRITTEN, Json, to_item, to_record


def read(record: Json, mode: FeaturesMode = "all") -> EntityFeatures | Skipped:
    """Return what is read from the item of a record."""
    change = read_change(record)
    assert isinstance(change, Change)
    return read_entity_features(change, to_layouts(), mode)


def features_of(record: Json, mode: FeaturesMode = "all") -> tuple[str, ...]:
    """Return the features that the event names."""
    entity = read(record, mode)
    assert isinstance(entity, EntityFeatures)
    return entity.features


def compute_id_of(stored: object) -> str:
    """Return the compute id of an item in which it is stored like this."""
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["compute_id"] = stored
    entity = read(record)
    assert isinstance(entity, EntityFeatures)
    return entity.compute_id


def test_read_entity_features__reads_older_items() -> None:
    """Older items store time and compute id in `metadata`."""
    entity = read(to_record(item=to_item(metadata_name="metadata")))
    assert isinstance(entity, EntityFeatures)
    assert (entity.updated_at, entity.compute_id) == (WRITTEN, "spark-job-0007")


def test_read_entity_features__prefers_meta_to_metadata() -> None:
    """If an item has both, `meta` is newer."""
    item = to_item(compute_id="new")
    item["features"]["M"]["metadata"] = {"M": {"compute_id": {"S": "old"}}}
    entity = read(to_record(item=item))
    assert isinstance(entity, EntityFeatures)
    assert entity.compute_id == "new"


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"features": {"NULL": True}},
        {"features": {"M": {}}},
        {"features": {"M": {"data": {"NULL": True}}}},
        {"features": {"M": {"data": {"M": {}}}}},
    ],
)
def test_read_entity_features__skips_an_item_without_features(item: Json) -> None:
    """A map that is absent, NULL or empty has no features."""
    assert read(to_record(item=item)) is Skipped.NO_FEATURES


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"features": {"S": "age"}}, "features.data: features is not a map"),
        ({"features": []}, "features.data: features is not an attribute value"),
        ({"features": {"M": []}}, "features.data: features is not a map"),
        ({"features": {"M": {"data": {"L": []}}}}, "features.data: data is not a map"),
        (
            {"features": {"M": {"data": {"M": {"a": 1}}, "meta": {"S": "x"}}}},
            "features.meta: meta is not a map",
        ),
    ],
)
def test_read_entity_features__refuses_other_types(item: Json, reason: str) -> None:
    """The reason names the path and the step with another type."""
    with pytest.raises(PoisonRecord, match=reason):
        read(to_record(item=item))


@pytest.mark.parametrize(
    ("keys", "key", "resource"),
    [
        ({"account_pid": {"S": "a-1"}, "category": {"S": "loans"}}, ("account_pid", "a-1"), "loans"),
        ({"category": {"N": "7"}, "shop": {"N": "0.10"}}, ("shop", "0.10"), "7"),
        ({"device": {"B": "AAEC"}, "category": {"B": "Aw=="}}, ("device", "AAEC"), "Aw=="),
    ],
)
def test_read_entity_features__reads_entity_and_resource_from_keys(
    keys: Json, key: tuple[str, str], resource: str
) -> None:
    """The name and value of one key are the entity; the value of `category` is the resource."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    entity = read(record)
    assert isinstance(entity, EntityFeatures)
    assert (entity.entity_type, entity.entity_id, entity.resource_name) == (*key, resource)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "key attributes are not its table's"),
        ({"category": {"S": "c"}, "a": {"S": "a"}, "b": {"S": "b"}}, "key attributes are not its table's"),
        ({"category": {"BOOL": True}, "a": {"S": "a"}}, "key attribute category "),
        ({"category": {"S": "c"}, "a": {"M": {}}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": {"S": 1}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": {"S": ""}}, "key attribute a "),
        ({"category": {"S": "c"}, "a": "x"}, "key attribute a "),
    ],
)
def test_read_entity_features__refuses_invalid_keys(keys: Json, reason: str) -> None:
    """A table has one or two keys, which are strings, numbers or binary."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    with pytest.raises(PoisonRecord, match=reason):
        read(record)


def test_read_entity_features__keeps_the_order_of_features() -> None:
    """In mode `all`, all features are named in the item's order, whether they changed or not."""
    record = to_record(kind="MODIFY", item=to_item(("z", "a", "")), old=to_item(("z", "a", "")))
    assert features_of(record) == ("z", "a", "")


@pytest.mark.parametrize(
    ("kind", "new", "old", "expected"),
    [
        ("INSERT", to_item(("a", "b")), None, ("a", "b")),
        ("MODIFY", to_item(("a", "b"), value=2), to_item(("a", "b"), value=1), ("a", "b")),
        ("MODIFY", to_item(("a", "b", "c")), to_item(("b",)), ("a", "c")),
        ("MODIFY", to_item(("a",)), {}, ("a",)),
        ("MODIFY", to_item(("a",)), {"features": {"S": "of another layout"}}, ("a",)),
    ],
)
def test_read_entity_features__names_changed_features(
    kind: str, new: Json, old: Json | None, expected: tuple[str, ...]
) -> None:
    """In mode `changed`, a feature is named if its stored value is another than before."""
    assert features_of(to_record(kind=kind, item=new, old=old), "changed") == expected


def test_read_entity_features__skips_an_item_without_changed_features() -> None:
    """In mode `changed`, writing the same values or removing a feature produces no event."""
    record = to_record(kind="MODIFY", item=to_item(("a",), updated_at="2026-01-01"), old=to_item(("a", "b")))
    assert read(record, "changed") is Skipped.UNCHANGED


def test_read_entity_features__skips_a_set_in_another_order() -> None:
    """In mode `changed`, the order of a set does not count: https://github.com/scylladb/scylla-migrator/issues/282."""
    new, old = to_item(("a",)), to_item(("a",))
    new["features"]["M"]["data"]["M"]["a"] = {"SS": ["x", "y"]}
    old["features"]["M"]["data"]["M"]["a"] = {"SS": ["y", "x"]}
    assert read(to_record(kind="MODIFY", item=new, old=old), "changed") is Skipped.UNCHANGED


def test_read_entity_features__needs_old_images_for_changes() -> None:
    """In mode `changed`, a stream without old images is an error that says what to set."""
    with pytest.raises(Misconfigured, match="NEW_AND_OLD_IMAGES"):
        read(to_record(kind="MODIFY"), "changed")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, ""),
        ({"NULL": True}, ""),
        ({"S": "None"}, ""),
        ({"S": ""}, ""),
        ({"S": "null"}, "null"),
        ({"S": "job-1"}, "job-1"),
        ({"N": "007"}, "007"),
        ({"S": "job-1", "NULL": True}, "job-1"),
    ],
)
def test_read_entity_features__reads_the_compute_id_as_stored(stored: object, expected: str) -> None:
    """The forms in which older writers stored no compute id are read as empty."""
    assert compute_id_of(stored) == expected


@pytest.mark.parametrize("stored", ["job-1", {}, {"BOOL": True}, {"S": 1}, {"L": []}])
def test_read_entity_features__refuses_compute_ids_of_other_types(stored: Any) -> None:  # noqa: ANN401  # any JSON
    """A compute id of another type is an error."""
    with pytest.raises(PoisonRecord, match="compute_id"):
        compute_id_of(stored)


DEFAULT = {
    "keys": {"{entity_type}": "{entity_id}", "category": "{resource_name}"},
    "features": "features.data",
    "updated_at": "features.meta.updated_at",
    "compute_id": "features.meta.compute_id",
}
TIMES = {
    "table": "{}",
    "keys": {"pk": "{entity_id}", "sk": "{compute_id}@{updated_at}"},
    "entity_type": "user",
    "resource_name": "r",
    "features": "features.data",
    "updated_at": ["a.at", {"path": "b.ms", "unit": "ms"}, "at"],
    "compute_id": ["a.job", "job"],
}
KEYS = {"pk": {"S": "u"}, "sk": {"S": "run-0@2020-01-01"}}


@pytest.mark.parametrize(
    ("item", "updated_at", "compute_id"),
    [
        ({}, "2020-01-01T00:00:00.000Z", "run-0"),
        ({"at": {"S": "2021-01-01"}, "job": {"S": "run-1"}}, "2021-01-01T00:00:00.000Z", "run-1"),
        (
            {"a": {"M": {"at": {"S": "2022-01-01"}, "job": {"N": "2"}}}, "at": {"S": "x"}, "job": {"S": "x"}},
            "2022-01-01T00:00:00.000Z",
            "2",
        ),
        (
            {"a": {"M": {"at": {"NULL": True}, "job": {"NULL": True}}}, "at": {"S": "2022-01-01"}, "job": {"S": "y"}},
            "2022-01-01T00:00:00.000Z",
            "y",
        ),
        ({"a": {"NULL": True}, "b": {"M": {"ms": {"N": "1000"}}}}, "1970-01-01T00:00:01.000Z", "run-0"),
        ({"b": {"M": {"ms": {"S": "1000"}}}, "at": {"S": "x"}}, "1970-01-01T00:00:01.000Z", "run-0"),
        ({"b": {"M": {"ms": {"S": "2022-01-01"}}}}, "2022-01-01T00:00:00.000Z", "run-0"),
        ({"b": {"M": {"ms": {"S": "soon"}}}, "at": {"S": "2022-01-01"}}, "2022-01-01T00:00:00.000Z", "run-0"),
        ({"a": {"M": {"at": {"N": "5"}}}, "at": {"S": "2022-01-01"}}, "2022-01-01T00:00:00.000Z", "run-0"),
        ({"at": {"S": "soon"}}, "2020-01-01T00:00:00.000Z", "run-0"),
        (
            {"a": {"M": {"at": {"S": ""}, "job": {"S": "None"}}}, "at": {"S": "x"}, "job": {"S": "y"}},
            "2020-01-01T00:00:00.000Z",
            "",
        ),
        (
            {"a": {"M": {"at": {"S": "2022-01-01"}}}, "b": {"S": "not a map"}, "job": {"S": "y"}},
            "2022-01-01T00:00:00.000Z",
            "y",
        ),
    ],
    ids=[
        "no path leads to a value",
        "last path",
        "first path",
        "NULL",
        "number",
        "number as text with a unit",
        "ISO-8601 with a unit",
        "not a time with a unit",
        "number without a unit",
        "not a time",
        "empty",
        "wrong type after the last value was found",
    ],
)
def test_read_entity_features__reads_the_first_value_that_exists(item: Json, updated_at: str, compute_id: str) -> None:
    """The paths to time and compute id are tried in order, then the placeholders of these names.

    A time that is present but unreadable does not end the search.
    """
    record = to_record()
    record["dynamodb"] |= {"Keys": KEYS, "NewImage": KEYS | to_item(("age",), metadata_name="x") | item}
    change = read_change(record)
    assert isinstance(change, Change)
    found = read_entity_features(change, to_layouts(TIMES), "all")
    assert found == EntityFeatures("user", "u", "r", ("age",), updated_at, compute_id)


@pytest.mark.parametrize("compute_id", [{"S": ""}, {"S": "None"}, {"S": "run-1"}, {"NULL": True}, None])
def test_read_entity_features__uses_a_placeholder_only_if_the_value_is_absent(compute_id: object) -> None:
    """An empty compute id counts as a value, also in an item that is read directly."""
    layout = DEFAULT | {"table": "user_{compute_id}"}
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["compute_id"] = compute_id
    change = read_change(record)
    assert isinstance(change, Change)
    entity = read_entity_features(change, to_layouts(layout), "all")
    assert isinstance(entity, EntityFeatures)
    stored = {"": "", "None": "", "run-1": "run-1"}
    text = compute_id.get("S") if isinstance(compute_id, dict) else None
    assert entity.compute_id == ("feature_store" if text is None else stored[text])
