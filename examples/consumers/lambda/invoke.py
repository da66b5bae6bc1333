"""Invoke the handler with the messages of a topic, as Lambda's event source mapping does.

This program is only for trying the handler without AWS.
"""

import logging
import os
import signal
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable
from threading import Event as Flag
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from handler import handler  # type: ignore[import-not-found]  # a file in this directory

BATCH = 100
SIGNED = 128


def to_record(message: Message) -> dict[str, Any]:
    """Convert a message to a record of Lambda's event (https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html)."""
    headers: Any = message.headers() or ()
    key: Any = message.key() or b""
    value: Any = message.value() or b""
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "timestampType": "CREATE_TIME",
        "key": b64encode(key).decode(),
        "value": b64encode(value).decode(),
        # Java's bytes are signed
        "headers": [{name: [(x + SIGNED) % 256 - SIGNED for x in text]} for name, text in headers],
    }


def to_event(messages: Iterable[Message]) -> dict[str, Any]:
    """Convert messages to an event of the mapping."""
    records = defaultdict(list)
    for each in messages:
        records[f"{each.topic()}-{each.partition()}"].append(to_record(each))
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/local/00000000-0000-0000-0000-000000000000-1",
        "bootstrapServers": "b-1.local.example:9098",
        "records": dict(records),
    }


def find_next(event: dict[str, Any], failures: Iterable[dict[str, Any]]) -> list[TopicPartition]:
    """Return the next offset of each partition: that of its first failed record, or the one after its last record."""
    failed: dict[str, int] = {}
    for each in failures:
        failed.setdefault(each["itemIdentifier"]["partition"], each["itemIdentifier"]["offset"])
    return [
        TopicPartition(records[0]["topic"], records[0]["partition"], failed.get(name, records[-1]["offset"] + 1))
        for name, records in event["records"].items()
    ]


def invoke(consumer: Consumer) -> None:
    """Process and commit a batch. A failed record exits the program, whereas the mapping would retry."""
    messages = consumer.consume(BATCH, 1.0)
    for each in messages:
        if (error := each.error()) is not None:
            raise KafkaException(error)
    if not messages:
        return
    event = to_event(messages)
    failures = handler(event, LambdaContext())["batchItemFailures"]
    consumer.commit(offsets=find_next(event, failures), asynchronous=False)
    if failures:
        sys.exit("some records were not processed; see the log above")


def main() -> None:
    """Read the topic from the group's last position, or from its beginning."""
    logging.basicConfig()
    stopping = Flag()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    for name in ("KAFKA_BROKER_URL", "SCHEMA_REGISTRY"):
        if not os.environ.get(name):
            sys.exit(f"{name} must be set")
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BROKER_URL"],
            "group.id": "example-lambda",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([os.environ.get("TOPIC_NAME") or "FEATURE_AVAILABILITY_EVENTS"])
    try:
        while not stopping.is_set():
            invoke(consumer)
    except KafkaException as error:
        sys.exit(f"Kafka: {error.args[0].str()}")
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
