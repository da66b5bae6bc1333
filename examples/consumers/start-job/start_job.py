"""Starts a job once for each resource_name and compute_id, however many events name them.

A table in DynamoDB knows the jobs. An event claims its job there, starts it, and marks it as started; only then is its
offset committed. Where the process crashes in between, or loses its partition (start takes longer than
max.poll.interval.ms, five minutes), the same event is read again, finds its own claim, and starts the job again under
the same name, perhaps beside the first: let the system that runs it refuse a second one of that name, as Step Functions
does. An event without a compute_id starts none. Nor does a backfilled event, or a backfill would start every job again
whose features the table still holds; with START_BACKFILLED=true it does.
"""

import json
import os
import signal
import sys
from threading import Event as Flag
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_OID, uuid5

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, Message
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

REMEMBERED: Final = 100_000
"""Of so many started jobs DynamoDB is not asked again."""
UNKNOWN_SCHEMA: Final = 40403
"""A registry's code where it has no schema of an id; another 404 is that of a proxy, or of a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio's and Karapace's code as well)
"""
BACKFILLED: Final = ("ce_backfill", b"true")
"""The header of an event that announces what a table already held."""
# Another event's claim is left to that event: it is not committed before the job is started
FREE = "attribute_not_exists(job) OR (claimed_by = :event AND job_state = :claimed)"


class Jobs:
    """The jobs that were started, by all processes together."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._started: set[str] = set()

    def start_once(self, event: dict[str, Any]) -> None:
        """Starts the event's job, unless it was started or another event has claimed it."""
        name = str(uuid5(NAMESPACE_OID, json.dumps([event["resource_name"], event["compute_id"]])))
        if not event["compute_id"] or name in self._started:
            return
        if self._claim(name, event):
            start(name, event)
            self._table.update_item(
                Key={"job": name},
                UpdateExpression="SET job_state = :started",
                ExpressionAttributeValues={":started": "started"},
            )
            self._remember(name)

    def _claim(self, name: str, event: dict[str, Any]) -> bool:
        item = {"job": name, "claimed_by": event["event_id"], "job_state": "claimed"}
        named = {each: event[each] for each in ("resource_name", "compute_id")}
        try:
            self._table.put_item(
                Item={**item, **named},
                ConditionExpression=FREE,
                ExpressionAttributeValues={":event": event["event_id"], ":claimed": "claimed"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException as error:
            if error.response["Item"]["job_state"] == {"S": "started"}:  # type: ignore[typeddict-item]  # as asked for
                self._remember(name)
            return False
        return True

    def _remember(self, name: str) -> None:
        if len(self._started) >= REMEMBERED:
            self._started.clear()
        self._started.add(name)


def start(name: str, event: dict[str, Any]) -> None:
    """Starts the job: put your own work here, and give the job this name."""
    told = {each: event[each] for each in ("resource_name", "compute_id", "event_id")}
    print(json.dumps({"started": name, **told}, ensure_ascii=False), flush=True)


def open_table() -> "Table":
    """The table of the jobs; it is made where it is not there, as on a local stack."""
    table = boto3.resource("dynamodb").Table(os.environ.get("JOBS_TABLE") or "started_jobs")
    try:
        table.load()
    except table.meta.client.exceptions.ResourceNotFoundException:
        table.meta.client.create_table(
            TableName=table.name,
            KeySchema=[{"AttributeName": "job", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "job", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.wait_until_exists()
    return table


def read_setting(name: str) -> str:
    """A setting that must be there."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


class Registry(SchemaRegistryClient):
    """Ends the program where the registry does not answer: that is not the message's fault."""

    def get_schema(self, *asked: Any, **named: Any) -> Schema:  # noqa: ANN401  # the client's own
        """The schema of an id; where the registry knows none, the client's own error."""
        try:
            return super().get_schema(*asked, **named)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"the schema registry did not answer ({reason}); nothing is wrong with the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """The event of a message, by the schema that it was written with; it ends the program where there is none."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "it has no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder fails in many ways, and its text can hold the payload
        event, reason = None, type(error).__name__
    if isinstance(event, dict):
        return event
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


def read_start_backfilled() -> bool:
    """Whether backfilled events start jobs too."""
    value = os.environ.get("START_BACKFILLED") or "false"
    if value not in ("true", "false"):
        sys.exit("START_BACKFILLED must be true or false")
    return value == "true"


def consume(
    consumer: Consumer, deserialize: AvroDeserializer, jobs: Jobs, stopping: Flag, *, start_backfilled: bool
) -> None:
    """Starts jobs until it is told to stop."""
    while not stopping.is_set():
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        event = read_event(deserialize, message)
        if start_backfilled or BACKFILLED not in (message.headers() or ()):
            jobs.start_once(event)
        consumer.store_offsets(message)  # only what is dealt with is ever committed


def main() -> None:
    """Reads the topic from its beginning, or from where its group was."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    start_backfilled = read_start_backfilled()
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # beside it and the registry's url: how you authenticate
        "group.id": "example-start-job",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy the client first asks for associations, which many registries and their proxies refuse
    deserialize = AvroDeserializer(registry, conf={"subject.name.strategy.type": "TOPIC"})
    consumer = Consumer(settings)
    consumer.subscribe([os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"])
    try:
        consume(consumer, deserialize, Jobs(open_table()), stopping, start_backfilled=start_backfilled)
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS: {error}")
    finally:
        consumer.close()  # commits, and leaves the group


if __name__ == "__main__":
    main()
