"""A plain walk through a stream record to the fields of its event, for contenders whose speed lies elsewhere."""

from typing import Any


def to_fields(record: dict[str, Any]) -> dict[str, Any]:
    """The event's fields, from a record that is as it should be."""
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
