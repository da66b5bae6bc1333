"""Handles the FeatureAvailabilityEvents that a Lambda event source mapping reads from an MSK topic.

The mapping retries the records that the answer names and commits the others; what fails too often it sends to the
on-failure destination (https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html).
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
"""Seconds to connect to the registry, and to wait for its answer."""
REMEMBERED: Final = 100_000
PREFIX: Final = 5
"""Confluent's wire-format prefix: a zero byte, and the schema's id."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""

logger = logging.getLogger(__name__)
seen: OrderedDict[str, None] = OrderedDict()
"""The ids of the last events that this execution environment processed: another one may see their duplicates."""


class Unreadable(Exception):
    """The record's value is no event."""


def read_error_code(answer: requests.Response) -> object:
    """What the registry says is wrong; None where something else answers in its place."""
    try:
        return answer.json()["error_code"]
    except (ValueError, KeyError, TypeError):
        return None


@cache
def read_schema(schema_id: int) -> SchemaConfig:
    """How a value of this schema is read; the registry is asked once.

    Powertools reads by one schema for all, and would read an event of a later schema wrongly, without an error.
    """
    url = f"{os.environ['SCHEMA_REGISTRY'].rstrip('/')}/schemas/ids/{schema_id}"
    answer = requests.get(url, timeout=TIMEOUT)  # auth=(user, password) where the registry asks for it
    if answer.status_code == requests.codes.not_found and read_error_code(answer) == UNKNOWN_SCHEMA:
        raise Unreadable(f"the registry has no schema {schema_id}")
    answer.raise_for_status()  # an outage fails the invocation: everything is retried, as often as the mapping may
    return SchemaConfig("AVRO", answer.json()["schema"], value_schema_wire_format="CONFLUENT")


def read_event(record: ConsumerRecordRecords) -> dict[str, Any]:
    """The event of a record.

    Raises:
        Unreadable: it has none.

    """
    value = b64decode(record.original_value or "")
    by_registry = bool(os.environ.get("SCHEMA_REGISTRY"))  # else the mapping has asked it, and gives JSON
    if by_registry:
        if len(value) < PREFIX or value[0] != 0:
            raise Unreadable("it is not in Confluent's wire format")
        record.schema_config = read_schema(int.from_bytes(value[1:PREFIX]))
    try:
        event = record.value if by_registry else json.loads(value)
    except (KafkaConsumerDeserializationError, ValueError) as error:
        raise Unreadable(type(error).__name__) from None  # the error's own text can hold the payload
    if not isinstance(event, dict) or "event_id" not in event:
        raise Unreadable("it has no event_id")
    return event


def process(record: ConsumerRecordRecords, event: dict[str, Any]) -> None:
    """What is done with an event: put your own work here."""
    headers = {name: text.decode() for name, text in record.headers.items()}
    line = {"key": record.key, "headers": headers, "event": event}
    # default: JSON knows no time, and a field of a later schema can be one
    print(json.dumps(line, ensure_ascii=False, default=str), flush=True)


def process_once(record: ConsumerRecordRecords, event: dict[str, Any]) -> None:
    """Processes an event unless it is a duplicate of one that was."""
    if event["event_id"] in seen:
        return
    process(record, event)
    seen[event["event_id"]] = None
    if len(seen) > REMEMBERED:
        seen.popitem(last=False)


@kafka_consumer
def handler(event: ConsumerRecords, _: LambdaContext) -> dict[str, Any]:
    """Processes a batch, each partition in order; the answer names every record that was not processed."""
    failures = []
    stopped = set()
    for record in event.records:
        partition = f"{record.topic}-{record.partition}"
        try:
            if partition not in stopped:
                process_once(record, read_event(record))
                continue
        except Unreadable as error:  # nobody can ever process it, so what is behind it need not wait
            logger.error("%s offset %s cannot be read: %s", partition, record.offset, error)  # noqa: TRY400  # a traceback would say no more
        except requests.RequestException:
            raise
        except Exception:  # whatever your own work raises
            logger.exception("%s offset %s was not processed", partition, record.offset)
            stopped.add(partition)  # a later event of an entity must not overtake an earlier one
        failures.append({"itemIdentifier": {"partition": partition, "offset": record.offset}})
    return {"batchItemFailures": failures}
