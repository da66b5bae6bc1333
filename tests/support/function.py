"""The function on the local stack, and what a test reads of its ends."""

import json
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer

from local.servers.stack import RunningStack
from local.servers.topic import Received
from tests.support.doubles import FakeContext
from tests.support.topics import read_topic


class Function:
    """The function in an execution environment of its own, and what it leaves behind."""

    def __init__(
        self, stack: RunningStack, environ: dict[str, str], load: Callable[[dict[str, str]], ModuleType]
    ) -> None:
        self.stack = stack
        self.environ = environ
        self._load = load
        self._module: ModuleType | None = None

    def __call__(self, records: Sequence[object], milliseconds: int = 60_000) -> Any:  # noqa: ANN401  # Lambda's answer is JSON
        """Invokes the function with a batch."""
        if self._module is None:
            self._module = self._load(self.environ)
        return self._module.handler({"Records": records}, FakeContext(milliseconds))

    def restart(self) -> None:
        """Lets the next batch meet a new execution environment."""
        self._module = None

    def messages(self) -> list[Received]:
        """What is in the topic."""
        return read_topic(self.environ["KAFKA_BROKER_URL"], self.environ["TOPIC_NAME"])

    def events(self) -> list[dict[str, Any]]:
        """The events in the topic, decoded as a consumer would, each once, in order of appearance."""
        deserialize = AvroDeserializer(SchemaRegistryClient({"url": self.stack.registry}))
        events: dict[str, dict[str, Any]] = {}
        for message in self.messages():
            event = deserialize(message.value, None)
            assert isinstance(event, dict)
            events.setdefault(event["event_id"], event)
        return list(events.values())

    def dead_letters(self) -> list[Any]:
        """What was dead-lettered."""
        s3, bucket = self.stack.clients.s3, self.environ["FAILURE_BUCKET"]
        found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [json.loads(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()) for each in found]
