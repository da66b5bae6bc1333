"""Read an event's fields from a stream record, for contenders that are slow for other reasons."""

from typing import Any


def make_fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the event. The record must be valid."""
    change = record["dynamodb"]
    features = change["NewImage"]["features"]["M"]
    metadata = features["meta"]["M"]
    keys = change["Keys"]
    (entity_type,) = (name for name in keys if name != "category")
    text = record["eventID"]
    return {
        "event_id": f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}",
        "event_type": "feature_available",
        "timestamp": metadata["updated_at"]["S"][:23] + "Z",
        "entity_type": entity_type,
        "entity_id": keys[entity_type]["S"],
        "resource_type": "feature",
        "resource_name": keys["category"]["S"],
        "compute_id": metadata["compute_id"]["S"],
        "features": list(features["data"]["M"]),
    }
