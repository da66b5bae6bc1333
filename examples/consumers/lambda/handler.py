"""Process the FeatureAvailabilityEvents that a Lambda event source mapping reads from an MSK topic.

The mapping retries the records that the response names, and commits the others. A record that fails too often is sent
to the on-failure destination (https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html). Event
types that the handler does not know are ignored, because later versions may add some.
"""

import json
import logging
import os
from base64 import b64decode
from collections import OrderedDict
from functools import cache
from typing import Any, Final

import requests
from aws_lambda_powertools.utilities.kafka import ConsumerRecords, SchemaConfig, kafka_consumer
from aws_lambda_powertools.utilities.kafka.consumer_records import ConsumerRecordRecords
from aws_lambda_powertools.utilities.kafka.exceptions import KafkaConsumerDeserializationError
from aws_lambda_powertools.utilities.typing import LambdaContext

TIMEOUT: Final = (2.0, 5.0)
"""The timeouts in seconds for connecting to the registry, and for its response."""
EVENT_TYPES: Final = ("feature_available", "feature_unavailable")
"""The event types that the handler processes."""
REMEMBERED: Final = 100_000
PREFIX: Final = 5
"""The length of the prefix in Confluent's wire format: a zero byte and the schema id."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""

logger = logging.getLogger(__name__)
seen: OrderedDict[str, None] = OrderedDict()
"""The ids of the latest events that this execution environment processed. Another environment may see duplicates."""


class Unreadable(Exception):
    """The record's value is not an event."""


def read_error_code(response: requests.Response) -> object:
    """Return the registry's error code, or None if the response is not from a registry."""
    try:
        return response.json()["error_code"]
    except (ValueError, KeyError, TypeError):
        return None


@cache
def read_schema(schema_id: int) -> SchemaConfig:
    """Return the schema with this id. It is requested from the registry once.

    Powertools would decode all events with one schema, and silently misread events of a later schema.
    """
    url = f"{os.environ['SCHEMA_REGISTRY'].rstrip('/')}/schemas/ids/{schema_id}"
    response = requests.get(url, timeout=TIMEOUT)  # add auth=(user, password) if the registry requires it
    if response.status_code == requests.codes.not_found and read_error_code(response) == UNKNOWN_SCHEMA:
        raise Unreadable(f"unknown schema id {schema_id}")
    response.raise_for_status()  # an outage fails the invocation, so the mapping retries the whole batch
    return SchemaConfig("AVRO", response.json()["schema"], value_schema_wire_format="CONFLUENT")


def read_event(record: ConsumerRecordRecords) -> dict[str, Any]:
    """Decode the event in a record.

    Raises:
        Unreadable: the record's value is not an event.

    """
    value = b64decode(record.original_value or "")
    by_registry = bool(os.environ.get("SCHEMA_REGISTRY"))  # otherwise the mapping has decoded the value to JSON
    if by_registry:
        if len(value) < PREFIX or value[0] != 0:
            raise Unreadable("not in Confluent's wire format")
        record.schema_config = read_schema(int.from_bytes(value[1:PREFIX]))
    try:
        event = record.value if by_registry else json.loads(value)
    except (KafkaConsumerDeserializationError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None  # the error's text can contain the payload
    if not isinstance(event, dict) or not {"event_id", "event_type"} <= event.keys():
        raise Unreadable("no event_id or event_type")
    return event


def process(record: ConsumerRecordRecords, event: dict[str, Any]) -> None:
    """Process an event: replace this with your own work.

    To keep the current state of items, copy position.py of the Python example: `Position.of(record.timestamp,
    headers.get("ce_sequence"), record.offset)`.
    """
    headers = {name: text.decode() for name, text in record.headers.items()}
    line = {"key": record.key, "headers": headers, "event": event}
    # default: JSON has no type for times, which a later schema may contain
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


def process_once(record: ConsumerRecordRecords, event: dict[str, Any]) -> None:
    """Process an event unless its type is unknown or it is a duplicate."""
    if event["event_type"] not in EVENT_TYPES or event["event_id"] in seen:
        return
    process(record, event)
    seen[event["event_id"]] = None
    if len(seen) > REMEMBERED:
        seen.popitem(last=False)


@kafka_consumer
def handler(event: ConsumerRecords, _: LambdaContext) -> dict[str, Any]:
    """Process a batch, each partition in order. The response names every record that was not processed."""
    failures = []
    stopped = set()
    for record in event.records:
        partition = f"{record.topic}-{record.partition}"
        try:
            if partition not in stopped:
                process_once(record, read_event(record))
                continue
        except Unreadable as error:  # it can never be processed, so later records need not wait
            logger.error("%s offset %s cannot be read: %s", partition, record.offset, error)  # noqa: TRY400  # a traceback would add nothing
        except requests.RequestException:
            raise
        except Exception:  # any error of your own work
            logger.exception("%s offset %s was not processed", partition, record.offset)
            stopped.add(partition)  # a later event of an entity must not overtake an earlier one
        failures.append({"itemIdentifier": {"partition": partition, "offset": record.offset}})
    return {"batchItemFailures": failures}
