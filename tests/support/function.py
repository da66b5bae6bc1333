"""Invoke the function on the local stack, and read its events and dead letters."""

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
    """The function in a separate execution environment, with its topic and failure bucket."""

    def __init__(
        self, stack: RunningStack, environ: dict[str, str], load: Callable[[dict[str, str]], ModuleType]
    ) -> None:
        self.stack = stack
        self.environ = environ
        self._load = load
        self._module: ModuleType | None = None

    def __call__(self, records: Sequence[object], milliseconds: int = 60_000) -> Any:  # noqa: ANN401  # the response is JSON
        """Invoke the function with a batch."""
        if self._module is None:
            self._module = self._load(self.environ)
        return self._module.handler({"Records": records}, FakeContext(milliseconds))

    def restart(self) -> None:
        """Use a new execution environment for the next batch."""
        self._module = None

    def messages(self) -> list[Received]:
        """Return the messages in the topic."""
        return read_topic(self.environ["KAFKA_BROKER_URL"], self.environ["TOPIC_NAME"])

    def events(self) -> list[dict[str, Any]]:
        """Return the decoded events in the topic in order of appearance, without duplicates."""
        deserialize = AvroDeserializer(SchemaRegistryClient({"url": self.stack.registry}))
        events: dict[str, dict[str, Any]] = {}
        for message in self.messages():
            event = deserialize(message.value, None)
            assert isinstance(event, dict)
            events.setdefault(event["event_id"], event)
        return list(events.values())

    def dead_letters(self) -> list[Any]:
        """Return the dead letters."""
        s3, bucket = self.stack.clients.s3, self.environ["FAILURE_BUCKET"]
        found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [json.loads(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()) for each in found]
