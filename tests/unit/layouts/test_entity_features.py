"""An item means these features of this entity under the default layout, or it is said why not."""

from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings.settings import FeaturesMode
from tests.support.layouts import to_layouts
from tests.support.records import WRITTEN, Json, to_item, to_record


def read(record: Json, mode: FeaturesMode = "all") -> EntityFeatures | Skipped:
    """What the item of a record that is a change means."""
    change = read_change(record)
    assert isinstance(change, Change)
    return read_entity_features(change, to_layouts(), mode)


def features_of(record: Json, mode: FeaturesMode = "all") -> tuple[str, ...]:
    """The features that are available."""
    entity = read(record, mode)
    assert isinstance(entity, EntityFeatures)
    return entity.features


def compute_id_of(stored: object) -> str:
    """The compute id of an item that has this in its place."""
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["compute_id"] = stored
    entity = read(record)
    assert isinstance(entity, EntityFeatures)
    return entity.compute_id


def test_read_entity_features__reads_older_rows() -> None:
    """An older row keeps its time and compute id in `metadata`."""
    entity = read(to_record(item=to_item(metadata_name="metadata")))
    assert isinstance(entity, EntityFeatures)
    assert (entity.updated_at, entity.compute_id) == (WRITTEN, "spark-job-0007")


def test_read_entity_features__prefers_meta_to_metadata() -> None:
    """Where a row has both, `meta` is the newer."""
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
    """Nothing is available where there is nothing."""
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
def test_read_entity_features__refuses_an_item_of_another_layout(item: Json, reason: str) -> None:
    """What is there but of another type is said, not guessed at."""
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
def test_read_entity_features__finds_entity_and_resource(keys: Json, key: tuple[str, str], resource: str) -> None:
    """The partition key's name and value are the entity, the sort key's value is the resource."""
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
def test_read_entity_features__refuses_keys_that_no_table_has(keys: Json, reason: str) -> None:
    """A table has one or two keys of three types."""
    record = to_record()
    record["dynamodb"]["Keys"] = keys
    with pytest.raises(PoisonRecord, match=reason):
        read(record)


def test_read_entity_features__names_features_in_the_records_order() -> None:
    """All of the item's features are named, whatever changed."""
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
def test_read_entity_features__names_what_changed(
    kind: str, new: Json, old: Json | None, expected: tuple[str, ...]
) -> None:
    """Under `changed`, a feature is named where its stored value is another than before."""
    assert features_of(to_record(kind=kind, item=new, old=old), "changed") == expected


def test_read_entity_features__skips_what_did_not_change() -> None:
    """Under `changed`, a write of the same values, or one that takes a feature away, makes nothing new available."""
    record = to_record(kind="MODIFY", item=to_item(("a",), updated_at="2026-01-01"), old=to_item(("a", "b")))
    assert read(record, "changed") is Skipped.UNCHANGED


def test_read_entity_features__skips_a_set_in_another_order() -> None:
    """Under `changed`, sets have no order: https://github.com/scylladb/scylla-migrator/issues/282."""
    new, old = to_item(("a",)), to_item(("a",))
    new["features"]["M"]["data"]["M"]["a"] = {"SS": ["x", "y"]}
    old["features"]["M"]["data"]["M"]["a"] = {"SS": ["y", "x"]}
    assert read(to_record(kind="MODIFY", item=new, old=old), "changed") is Skipped.UNCHANGED


def test_read_entity_features__needs_old_images_for_changes() -> None:
    """Under `changed`, a stream of new images only is a misconfiguration that says what to set."""
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
def test_read_entity_features__takes_the_compute_id_as_stored(stored: object, expected: str) -> None:
    """A compute id that older writers left as no value is empty."""
    assert compute_id_of(stored) == expected


@pytest.mark.parametrize("stored", ["job-1", {}, {"BOOL": True}, {"S": 1}, {"L": []}])
def test_read_entity_features__refuses_compute_ids_of_other_types(stored: Any) -> None:  # noqa: ANN401  # anything at all
    """A compute id of another type is not guessed at."""
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
        ({}, "2020-01-01", "run-0"),
        ({"at": {"S": "2021-01-01"}, "job": {"S": "run-1"}}, "2021-01-01", "run-1"),
        ({"a": {"M": {"at": {"S": "2022"}, "job": {"N": "2"}}}, "at": {"S": "x"}, "job": {"S": "x"}}, "2022", "2"),
        ({"a": {"M": {"at": {"NULL": True}, "job": {"NULL": True}}}, "at": {"S": "x"}, "job": {"S": "y"}}, "x", "y"),
        ({"a": {"NULL": True}, "b": {"M": {"ms": {"N": "1000"}}}}, "1970-01-01T00:00:01.000Z", "run-0"),
        ({"b": {"M": {"ms": {"S": "1000"}}}, "at": {"S": "x"}}, "1970-01-01T00:00:01.000Z", "run-0"),
        ({"b": {"M": {"ms": {"S": "soon"}}}, "at": {"S": "x"}}, "", "run-0"),
        ({"a": {"M": {"at": {"N": "5"}}}, "at": {"S": "x"}}, "", "run-0"),
        ({"a": {"M": {"at": {"S": ""}, "job": {"S": "None"}}}, "at": {"S": "x"}, "job": {"S": "y"}}, "", ""),
        ({"a": {"M": {"at": {"S": "2022"}}}, "b": {"S": "no map"}, "job": {"S": "y"}}, "2022", "y"),
    ],
    ids=[
        "neither",
        "last",
        "first",
        "null",
        "unit",
        "text with a unit",
        "no number",
        "no unit",
        "empty",
        "not looked into",
    ],
)
def test_read_entity_features__takes_the_first_that_is_there(item: Json, updated_at: str, compute_id: str) -> None:
    """Of the paths of a time and a compute id in order, and behind them what a key holds."""
    record = to_record()
    record["dynamodb"] |= {"Keys": KEYS, "NewImage": KEYS | to_item(("age",), metadata_name="x") | item}
    change = read_change(record)
    assert isinstance(change, Change)
    found = read_entity_features(change, to_layouts(TIMES), "all")
    assert found == EntityFeatures("user", "u", "r", ("age",), updated_at, compute_id)


@pytest.mark.parametrize("compute_id", [{"S": ""}, {"S": "None"}, {"S": "run-1"}, {"NULL": True}, None])
def test_read_entity_features__takes_a_hole_in_the_tables_name_only_for_what_is_absent(compute_id: object) -> None:
    """A compute id that is there, and be it empty, is the item's, in an item of the commonest kind too."""
    layout = DEFAULT | {"table": "user_{compute_id}"}
    record = to_record()
    record["dynamodb"]["NewImage"]["features"]["M"]["meta"]["M"]["compute_id"] = compute_id
    change = read_change(record)
    assert isinstance(change, Change)
    entity = read_entity_features(change, to_layouts(layout), "all")
    assert isinstance(entity, EntityFeatures)
    there = {"": "", "None": "", "run-1": "run-1"}
    text = compute_id.get("S") if isinstance(compute_id, dict) else None
    assert entity.compute_id == ("feature_store" if text is None else there[text])
