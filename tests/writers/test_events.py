"""The function makes of real writers' records exactly the events that the writers themselves account for."""

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
    """What the function makes of a record, in the words of an account."""
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


def to_expected(record: Json, event: Json) -> Json:
    """An event of the account; where its writer gives no time, the record's own is taken."""
    if "skipped" in event:
        return event
    written = to_iso(round(record["dynamodb"]["ApproximateCreationDateTime"] * 1000))
    return {**event, "features": sorted(event["features"]), "timestamp": event["timestamp"] or written}


@pytest.mark.parametrize("store", list_stores())
def test_events__are_what_the_writer_accounts_for(store: str) -> None:
    """Entity, resource, features, time and compute id of every record, or why there is no event."""
    capture = read_capture(store)
    layouts = to_layouts(*capture.layouts)
    found = [read(record, layouts) for record in capture.records]
    assert found == [to_expected(*pair) for pair in zip(capture.records, capture.events, strict=True)]


def test_events__are_the_same_with_all_layouts_on_one_function() -> None:
    """Tables of every store can be on one function, each with its own layout."""
    captures = [read_capture(store) for store in list_stores() if store != "feast-0.40"]  # its tables are feast-0.67's
    captures.sort(key=lambda capture: capture.store == "former-service")  # its layout is for tables of any name
    layouts = to_layouts(*[layout for capture in captures for layout in capture.layouts])
    for capture in captures:
        found = [read(record, layouts) for record in capture.records]
        assert found == [to_expected(*pair) for pair in zip(capture.records, capture.events, strict=True)]


@pytest.mark.parametrize("store", list_stores())
def test_events__name_only_what_changed(store: str) -> None:
    """Under `changed`, an item that is written as it was gives none, and one with another value of all gives all."""
    capture = read_capture(store)
    layouts = to_layouts(*capture.layouts)
    for record, event in zip(capture.records, capture.events, strict=True):
        if "skipped" in event:
            continue
        body = record["dynamodb"]
        again = {**record, "eventName": "MODIFY", "dynamodb": {**body, "OldImage": body["NewImage"]}}
        assert read(again, layouts, "changed") == {"skipped": "unchanged"}
        keys = {**record, "eventName": "MODIFY", "dynamodb": {**body, "OldImage": body["Keys"]}}
        assert read(keys, layouts, "changed") == to_expected(record, event)
