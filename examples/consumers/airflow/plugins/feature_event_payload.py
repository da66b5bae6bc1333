"""What an asset event holds of a Kafka message: its key, its headers and the decoded FeatureAvailabilityEvent.

It stands by itself, without Airflow, so that it can be tried on a message's bytes.
"""

import json
from functools import lru_cache
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

PREFIX_BYTES = 5
"""Confluent's wire format: a zero byte, the schema id as four bytes, big-endian, and the Avro."""
UNKNOWN_SCHEMA = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""

type Payload = dict[str, Any]
"""`key`, `headers` and `event`; in place of `event`, `unreadable` says which message could not be decoded, and why."""


class RegistryUnavailable(Exception):
    """The schema registry does not answer, so it is not known what the message says: decode it again later."""


def to_payload(message: Any, registry: SchemaRegistryClient) -> Payload:  # noqa: ANN401  # the client's stub knows no bytes
    """The payload of a message, in values that JSON knows.

    Raises:
        RegistryUnavailable: the message's schema could not be fetched.

    """
    found: Payload = {
        "key": (message.key() or b"").decode(errors="replace"),
        "headers": {name: (text or b"").decode(errors="replace") for name, text in message.headers() or ()},
    }
    place = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
    value = message.value()
    if value is None:
        return {**found, "unreadable": f"{place}: it has no value"}
    if len(value) <= PREFIX_BYTES or value[0] != 0:
        return {**found, "unreadable": f"{place}: its value is not in the wire format"}
    schema_id = int.from_bytes(value[1:PREFIX_BYTES])
    schema = _fetch_schema(registry, schema_id)
    if schema is None:
        return {**found, "unreadable": f"{place}: the schema registry does not know its schema id {schema_id}"}
    try:
        event = fastavro.schemaless_reader(BytesIO(value[PREFIX_BYTES:]), _parse(schema), None)
    except Exception as error:  # noqa: BLE001  # whatever foreign bytes make of the decoder
        return {**found, "unreadable": f"{place}: its Avro is not of schema id {schema_id} ({type(error).__name__})"}
    return {**found, "event": json.loads(json.dumps(event, default=str))}  # JSON knows no time


def _fetch_schema(registry: SchemaRegistryClient, schema_id: int) -> str | None:
    """The schema's text, which the client keeps; None where the registry has none of this id."""
    try:
        return registry.get_schema(schema_id).schema_str
    except Exception as error:
        if isinstance(error, SchemaRegistryError) and error.error_code == UNKNOWN_SCHEMA:
            return None
        raise RegistryUnavailable(type(error).__name__) from error


@lru_cache(maxsize=100)
def _parse(schema: str) -> Any:  # noqa: ANN401  # fastavro's own form
    return fastavro.parse_schema(json.loads(schema))
