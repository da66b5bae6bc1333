"""Invoke the real function in this process with the embedded Kafka, and decode the events that it sends.

Breakpoints in the function stop in the terminal or the editor that started this process.
"""

import importlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from local.application.artefacts import FUNCTION
from local.errors import LocalError
from local.paths import ROOT
from local.servers.embedded_kafka import EmbeddedKafka
from local.servers.topic import TOPIC, Received

SETTINGS = ROOT / "events" / "env.json"
SCHEMA = ROOT / "schemas" / "feature_trigger.avsc"
CHOSEN = {"TABLE_LAYOUTS", "FEATURES_MODE", "REMOVALS", "POWERTOOLS_LOG_LEVEL"}
"""The shell variables that the function may see. Others could lead it to a real cluster."""
FOREIGN = ("AWS_", "AUTO_REGISTER", "DEAD_LETTER_", "DELIVERY_", "KAFKA_", "POWERTOOLS_", "SCHEMA_", "TOPIC_NAME")
PREFIX_BYTES = 5
"""The length of the prefix in Confluent's wire format: a zero byte and the schema id."""
LONGEST_TIMEOUT_MS = 890_000
"""The longest delivery timeout, so that a pause at a breakpoint does not exceed it."""


class Context:
    """Lambda's context, with enough remaining time for debugging."""

    function_name = "feature-events"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:feature-events"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return 15 minutes, at any time."""
        return 900_000


class SentEvent(NamedTuple):
    """One message that the function sent, and its decoded event."""

    message: Received
    schema_id: int
    event: Mapping[str, Any]

    @property
    def sequence(self) -> int:
        """The sequence number of the change in the stream."""
        return int(dict(self.message.headers).get("ce_sequence", b"0"))


class Invocation(NamedTuple):
    """The response of an invocation as Lambda returns it, and the events it sent, in stream order."""

    response: Mapping[str, Any]
    sent: tuple[SentEvent, ...]


class Function:
    """The function, initialized once as in an execution environment of Lambda."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self._kafka = kafka
        self._schema = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
        _set_environment(kafka.address)
        self._handler = importlib.import_module("feature_events.handler").handler
        self._error = importlib.import_module("feature_events.errors").FeatureEventsError

    def invoke(self, event: object) -> Invocation:
        """Invoke the function once. An error of the function becomes a response, as in Lambda."""
        try:
            response = self._handler(event, Context())
        except self._error as error:
            response = {"errorType": type(error).__name__, "errorMessage": str(error)}
        sent = sorted((self._read(message) for message in self._kafka.receive()), key=lambda each: each.sequence)
        return Invocation(response, tuple(sent))

    def _read(self, message: Received) -> SentEvent:
        body = io.BytesIO(message.value[PREFIX_BYTES:])
        event = fastavro.schemaless_reader(body, self._schema, None)
        if not isinstance(event, dict):
            raise TypeError(f"expected a record, but the value is a {type(event).__name__}")
        return SentEvent(message, int.from_bytes(message.value[1:PREFIX_BYTES]), event)


def read_event(path: Path) -> object:
    """Read the event in this file.

    Raises:
        LocalError: the file cannot be read, or it is not JSON.

    """
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}: EVENT must name a file such as events/insert.json") from error
    except ValueError as error:
        raise LocalError(f"{path} is not JSON: {error}") from error


def _set_environment(brokers: str) -> None:
    chosen = {name: os.environ[name] for name in CHOSEN if name in os.environ}
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ.update(json.loads(SETTINGS.read_text())[FUNCTION])
    os.environ.update(
        {
            "KAFKA_BROKER_URL": brokers,
            "KAFKA_PROPERTIES": "{}",
            "TOPIC_NAME": TOPIC,
            "DELIVERY_TIMEOUT_MS": str(LONGEST_TIMEOUT_MS),
            "POWERTOOLS_LOG_LEVEL": "WARNING",
            **chosen,
        }
    )
