"""Start a job once for each resource_name and compute_id, however many events name them.

A DynamoDB table stores the jobs. For each event, this program claims the job, starts it, marks it as started, and then
commits the offset. If the process crashes before the commit, or loses its partition because `start` takes longer than
max.poll.interval.ms (five minutes), the event is reread. It finds its own claim and starts the job again with the
same name. The system that runs the jobs must reject a second job with the same name, as Step Functions does.

Only an event of the type feature_available starts a job, and only if it has a compute_id. A backfilled event starts
none, because a backfill would restart the jobs of all items in the table. START_BACKFILLED=true changes this.
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
"""The number of started jobs to remember without a request to DynamoDB."""
UNKNOWN_SCHEMA: Final = 40403
"""The registry's error code for an unknown schema id. Any other 404 comes from a proxy or a wrong URL.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html (Apicurio and Karapace use the same code)
"""
AVAILABLE: Final = "feature_available"
"""The event type that starts jobs. All other types, also unknown ones, are ignored."""
BACKFILLED: Final = ("ce_backfill", b"true")
"""The header of a backfilled event, which announces an existing item."""
# A claim belongs to the event that made it, which is not committed until its job is started
FREE = "attribute_not_exists(job) OR (claimed_by = :event AND job_state = :claimed)"


class Jobs:
    """The jobs started by all processes."""

    def __init__(self, table: "Table") -> None:
        self._table = table
        self._started: set[str] = set()

    def start_once(self, event: dict[str, Any]) -> None:
        """Start the event's job, unless it was started or another event has claimed it."""
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
            if error.response["Item"]["job_state"] == {"S": "started"}:  # type: ignore[typeddict-item]  # requested by ReturnValuesOnConditionCheckFailure
                self._remember(name)
            return False
        return True

    def _remember(self, name: str) -> None:
        if len(self._started) >= REMEMBERED:
            self._started.clear()
        self._started.add(name)


def start(name: str, event: dict[str, Any]) -> None:
    """Start the job with this name: replace this with your own work."""
    fields = {each: event[each] for each in ("resource_name", "compute_id", "event_id")}
    print(json.dumps({"started": name, **fields}, ensure_ascii=False), flush=True)


def open_table() -> "Table":
    """Open the table of jobs, and create it if it does not exist, as on a local stack."""
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
    """Return a required setting."""
    return os.environ.get(name) or sys.exit(f"{name} must be set")


class Registry(SchemaRegistryClient):
    """A registry client that exits the program if the registry is unavailable, because the message is not at fault."""

    def get_schema(self, *args: Any, **kwargs: Any) -> Schema:  # noqa: ANN401  # the client's signature
        """Return a schema. The client's error is raised only for an unknown schema id."""
        try:
            return super().get_schema(*args, **kwargs)
        except SchemaRegistryError as error:
            if error.error_code == UNKNOWN_SCHEMA:
                raise
            reason = f"HTTP status {error.http_status_code}"
        except Exception as error:  # noqa: BLE001  # an error of the connection, TLS or the token
            reason = type(error).__name__
        sys.exit(f"schema registry unavailable ({reason}); restart this program to retry the message")


def read_event(deserialize: AvroDeserializer, message: Message) -> dict[str, Any]:
    """Decode a message with the schema that wrote it, or exit the program if it is not an event."""
    try:
        event = deserialize(message.value(), SerializationContext(message.topic() or "", MessageField.VALUE))
        reason = "no value"
    except (SerializationError, SchemaRegistryError) as error:
        event, reason = None, str(error)
    except Exception as error:  # noqa: BLE001  # a decoder can raise any error, and the error's text can contain the payload
        event, reason = None, type(error).__name__
    if isinstance(event, dict):
        return event
    sys.exit(f"{message.topic()} [{message.partition()}] offset {message.offset()} cannot be read: {reason}")


def read_start_backfilled() -> bool:
    """Return whether backfilled events start jobs too."""
    value = os.environ.get("START_BACKFILLED") or "false"
    if value not in ("true", "false"):
        sys.exit("START_BACKFILLED must be true or false")
    return value == "true"


def consume(
    consumer: Consumer, deserialize: AvroDeserializer, jobs: Jobs, stopping: Flag, *, start_backfilled: bool
) -> None:
    """Start jobs until the program is stopped."""
    while not stopping.is_set():
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            raise KafkaException(error)
        event = read_event(deserialize, message)
        is_live = BACKFILLED not in (message.headers() or ())
        if event["event_type"] == AVAILABLE and (is_live or start_backfilled):
            jobs.start_once(event)
        consumer.store_offsets(message)  # only processed messages are committed


def main() -> None:
    """Read the topic from the group's last position, or from its beginning."""
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    start_backfilled = read_start_backfilled()
    settings = {
        "bootstrap.servers": read_setting("KAFKA_BROKER_URL"),  # add your authentication here and to the registry
        "group.id": "example-start-job",
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
    }
    registry = Registry({"url": read_setting("SCHEMA_REGISTRY")})
    # Without a strategy, the client first requests associations, which many registries and proxies reject
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
