"""Convert a Kafka message to the payload of an asset event: its key, headers and decoded FeatureAvailabilityEvent.

A payload also has what the state rule needs. To keep the current state of items, copy position.py of the Python
example: `Position.of(payload["timestamp_ms"], payload["headers"].get("ce_sequence"), payload["offset"])`.

This module does not import Airflow, so that it can be tested alone.
"""

import json
from collections.abc import Collection
from functools import lru_cache
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

PREFIX_BYTES = 5
"""The length of the prefix in Confluent's wire format: a zero byte, and the schema id in four bytes, big-endian."""
UNKNOWN_SCHEMA = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""

type Payload = dict[str, Any]
"""`key`, `headers`, `timestamp_ms`, `offset` and `event`.

If the message cannot be decoded, `unreadable` replaces `event` and says why.
"""


class RegistryUnavailable(Exception):
    """The schema registry is unavailable. Decode the message again later."""


def to_payload(message: Any, registry: SchemaRegistryClient) -> Payload:  # noqa: ANN401  # the client's stub lacks bytes
    """Convert a message to a payload of JSON values.

    Raises:
        RegistryUnavailable: the message's schema could not be fetched.

    """
    found: Payload = {
        "key": (message.key() or b"").decode(errors="replace"),
        "headers": {name: (text or b"").decode(errors="replace") for name, text in message.headers() or ()},
        "timestamp_ms": message.timestamp()[1],
        "offset": message.offset(),
    }
    place = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
    value = message.value()
    if value is None:
        return {**found, "unreadable": f"{place}: no value"}
    if len(value) <= PREFIX_BYTES or value[0] != 0:
        return {**found, "unreadable": f"{place}: the value is not in Confluent's wire format"}
    schema_id = int.from_bytes(value[1:PREFIX_BYTES])
    schema = _fetch_schema(registry, schema_id)
    if schema is None:
        return {**found, "unreadable": f"{place}: unknown schema id {schema_id}"}
    try:
        event = fastavro.schemaless_reader(BytesIO(value[PREFIX_BYTES:]), _parse(schema), None)
    except Exception as error:  # noqa: BLE001  # the decoder can raise any error on invalid bytes
        return {
            **found,
            "unreadable": f"{place}: the Avro does not match schema id {schema_id} ({type(error).__name__})",
        }
    return {**found, "event": json.loads(json.dumps(event, default=str))}  # JSON has no type for times


def is_selected(payload: Payload, event_types: Collection[str], resources: Collection[str]) -> bool:
    """Return whether a payload has one of these event types and resources. An unreadable one is always selected."""
    event = payload.get("event")
    if event is None:
        return True
    return event["event_type"] in event_types and (not resources or event["resource_name"] in resources)


def _fetch_schema(registry: SchemaRegistryClient, schema_id: int) -> str | None:
    """Return the schema's text, which the client caches, or None for an unknown id."""
    try:
        return registry.get_schema(schema_id).schema_str
    except Exception as error:
        if isinstance(error, SchemaRegistryError) and error.error_code == UNKNOWN_SCHEMA:
            return None
        raise RegistryUnavailable(type(error).__name__) from error


@lru_cache(maxsize=100)
def _parse(schema: str) -> Any:  # noqa: ANN401  # fastavro has no type for it
    return fastavro.parse_schema(json.loads(schema))
