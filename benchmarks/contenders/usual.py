"""The usual function: Powertools' BatchProcessor, Confluent's AvroSerializer, and one flush for each batch.

It follows their documentation, with the same guarantees for the topic (acks, idempotence, compression, partitioner). If
a delivery fails, the whole batch fails.
"""

import os
import uuid
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.serialization import MessageField, SerializationContext

from benchmarks.contenders import SAFE_PROPERTIES, Run, make_run

if TYPE_CHECKING:
    from benchmarks.stream_events import StreamEvent

with warnings.catch_warnings(record=True):  # a deprecation in the dependencies of the client
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer

TOPIC = os.environ["TOPIC_NAME"]
SCHEMA = Path(__file__).parents[2] / "schemas" / "feature_trigger.avsc"


def make_authentication() -> dict[str, Any]:
    """Make the producer's properties for IAM, if the settings require it."""
    if os.environ.get("KAFKA_AUTH") != "iam":
        return {}
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]  # noqa: PLC0415

    def sign_token(_: str) -> tuple[str, float]:
        token, expires_ms = MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"])
        return token, expires_ms / 1000

    return {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": sign_token}


logger = Logger(service="usual")
metrics = Metrics(namespace="Usual", service="usual")
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
# A registry in this process, whose responses cost almost nothing
registry = SchemaRegistryClient.new_client({"url": "mock://registry"})
serialize = AvroSerializer(registry, SCHEMA.read_text())
value_context = SerializationContext(TOPIC, MessageField.VALUE)
producer = Producer(
    {
        "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
        **SAFE_PROPERTIES,
        **make_authentication(),
    }
)
failures: list[str] = []


def report(error: KafkaError | None, _: Message) -> None:
    """Record a failed delivery."""
    if error is not None:
        failures.append(error.name())


def handle_record(record: DynamoDBRecord) -> None:
    """Produce the event of one record."""
    change = record.dynamodb
    if change is None or not change.new_image:
        return
    item = change.new_image
    metadata = item["features"]["meta"]
    (entity_type,) = (name for name in change.keys if name != "category")
    written = datetime.fromisoformat(metadata["updated_at"]).astimezone(UTC)
    event: dict[str, Any] = {
        "event_id": str(uuid.UUID(record.event_id)),
        "event_type": "feature_available",
        "timestamp": written.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "entity_type": entity_type,
        "entity_id": item[entity_type],
        "resource_type": "feature",
        "resource_name": item["category"],
        "compute_id": metadata["compute_id"],
        "features": list(item["features"]["data"]),
    }
    value = serialize(event, value_context)
    producer.produce(TOPIC, value, item[entity_type].encode(), on_delivery=report)
    producer.poll(0)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401  # the response of Powertools
    """Process one batch."""
    failures.clear()
    response = process_partial_response(event, handle_record, processor, context)
    if producer.flush(20) or failures:
        raise RuntimeError("some events were not delivered")
    metrics.add_metric("EventsDelivered", MetricUnit.Count, len(event["Records"]))
    logger.info("batch handled", records=len(event["Records"]))
    return response


def prepare(event: "StreamEvent") -> Run:
    """Prepare an invocation."""
    return make_run(handler, event.parse())
