"""Records of real writers produce exactly the events that the writers report."""

from typing import Any

import pytest

from feature_events.encoder import Encoder
from feature_events.epoch import to_iso
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, Skipped, read_change
from tests.support.captures import list_stores, read_capture
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX

type Json = dict[str, Any]


def read(record: Json, layouts: TableLayouts, mode: FeaturesMode = "all") -> Json:
    """Return the event or skip of a record, in the form of a report."""
    change = read_change(record)
    encoded = Encoder(layouts, mode, PREFIX, CODEC).encode(change) if isinstance(change, Change) else change
    if isinstance(encoded, Skipped):
        return {"skipped": str(encoded)}
    event = encoded.event
    return {
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "resource_name": event.resource_name,
        "features": sorted(event.features),
        "timestamp": event.timestamp,
        "compute_id": event.compute_id,
    }


def make_expected(record: Json, event: Json) -> Json:
    """Return the expected event. Without a time in the report, it has the time of the record."""
    if "skipped" in event:
        return event
    written = to_iso(round(record["dynamodb"]["ApproximateCreationDateTime"] * 1000))
    return {**event, "features": sorted(event["features"]), "timestamp": event["timestamp"] or written}


@pytest.mark.parametrize("store", list_stores())
def test_events__match_the_report_of_the_writer(store: str) -> None:
    """Every field of an event and every reason for a skip must match."""
    capture = read_capture(store)
    layouts = to_layouts(*capture.layouts)
    found = [read(record, layouts) for record in capture.records]
    assert found == [make_expected(*pair) for pair in zip(capture.records, capture.events, strict=True)]


def test_events__are_the_same_with_the_layouts_of_all_stores() -> None:
    """One function can read the tables of all stores."""
    captures = [
        read_capture(store) for store in list_stores() if store != "feast-0.40"
    ]  # it has the same tables as feast-0.67
    captures.sort(key=lambda capture: capture.store == "former-service")  # its layout applies to every table
    layouts = to_layouts(*[layout for capture in captures for layout in capture.layouts])
    for capture in captures:
        found = [read(record, layouts) for record in capture.records]
        assert found == [make_expected(*pair) for pair in zip(capture.records, capture.events, strict=True)]


@pytest.mark.parametrize("store", list_stores())
def test_events__name_only_changed_features(store: str) -> None:
    """With FEATURES_MODE=changed, an unchanged item is skipped. If the old image had no features, all are named."""
    capture = read_capture(store)
    layouts = to_layouts(*capture.layouts)
    for record, event in zip(capture.records, capture.events, strict=True):
        if "skipped" in event:
            continue
        body = record["dynamodb"]
        again = {**record, "eventName": "MODIFY", "dynamodb": {**body, "OldImage": body["NewImage"]}}
        assert read(again, layouts, "changed") == {"skipped": "unchanged"}
        keys = {**record, "eventName": "MODIFY", "dynamodb": {**body, "OldImage": body["Keys"]}}
        assert read(keys, layouts, "changed") == make_expected(record, event)


def read_removal(record: Json, layouts: TableLayouts) -> tuple[str, str, str, str | None] | str:
    """Return the entity, resource and kind of a removal, or the reason to skip it."""
    encoded = Encoder(layouts, "all", PREFIX, CODEC, "events").encode_record(record)
    return str(encoded) if isinstance(encoded, Skipped) else (*encoded.entity[:3], encoded.entity.removal)


@pytest.mark.parametrize("store", list_stores())
def test_events__include_removals(store: str) -> None:
    """With REMOVALS=events, a deletion and a soft delete remove the features of an entity that had an event before."""
    capture = read_capture(store)
    layouts = to_layouts(*capture.layouts)
    announced = set[tuple[str, str, str]]()
    for record, event in zip(capture.records, capture.events, strict=True):
        found = read_removal(record, layouts)
        if "skipped" not in event:
            announced.add((event["entity_type"], event["entity_id"], event["resource_name"]))
            assert found[-1] is None
        elif isinstance(found, tuple):
            assert found[:3] in announced
            assert found[-1] == ("deleted" if record["eventName"] == "REMOVE" else "emptied")
        else:
            assert found in {"other_item", "no_features"}


def test_events__include_the_soft_delete_of_toolbox() -> None:
    """The item still exists, and has its features."""
    capture = read_capture("toolbox")
    found = [read_removal(record, to_layouts(*capture.layouts)) for record in capture.records]
    assert found[3] == ("user", "u-1", "activity", "emptied")
