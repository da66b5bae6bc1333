"""The shipped schema is the contract with consumers."""

import json

import fastavro

from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA


def test_shipped_schema__does_not_change() -> None:
    """It is exactly what consumers were promised."""
    strings = ["event_id", "event_type", "timestamp", "entity_type", "entity_id"]
    strings += ["resource_type", "resource_name", "compute_id"]
    expected = {
        "type": "record",
        "name": "FeatureAvailabilityEvent",
        "namespace": "com.featurestore.events",
        "fields": [
            *({"name": name, "type": "string"} for name in strings),
            {"name": "features", "type": {"type": "array", "items": "string"}},
        ],
    }
    assert json.loads(SHIPPED_SCHEMA) == expected
    assert tuple(FeatureAvailabilityEvent._fields) == (*strings, "features")
    assert fastavro.parse_schema(expected)
