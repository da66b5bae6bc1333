"""The real function in this process, on the embedded Kafka: an event in, the answer and the decoded events out.

A breakpoint anywhere in the function stops here, in the terminal or in the editor that started it.
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
CHOSEN = {"TABLE_LAYOUTS", "FEATURES_MODE", "POWERTOOLS_LOG_LEVEL"}
"""What of the shell's variables the function is given; anything else of it could lead to a real cluster."""
FOREIGN = ("AWS_", "AUTO_REGISTER", "DEAD_LETTER_", "DELIVERY_", "KAFKA_", "POWERTOOLS_", "SCHEMA_", "TOPIC_NAME")
PREFIX_BYTES = 5
"""Confluent's wire format: a zero byte and the schema's id."""
UNHURRIED_MS = 890_000
"""The longest delivery timeout: whoever looks around at a breakpoint is in no hurry."""


class Context:
    """Lambda's context, with time enough for a person."""

    function_name = "feature-events"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:feature-events"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """A quarter of an hour, at any time."""
        return 900_000


class Given(NamedTuple):
    """One message that the function sent, and the event in it."""

    message: Received
    schema_id: int
    event: Mapping[str, Any]

    @property
    def sequence(self) -> int:
        """The place of its change in the stream."""
        return int(dict(self.message.headers).get("ce_sequence", b"0"))


class Invocation(NamedTuple):
    """What an invocation answered, as Lambda would have it, and what it sent, in the order of the stream."""

    answer: Mapping[str, Any]
    given: tuple[Given, ...]


class Function:
    """The function, wired once as in an execution environment of Lambda."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self._kafka = kafka
        self._schema = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
        _set_environment(kafka.address)
        self._handler = importlib.import_module("feature_events.handler").handler
        self._error = importlib.import_module("feature_events.errors").FeatureEventsError

    def invoke(self, event: object) -> Invocation:
        """One invocation; an error that the function raises on purpose is an answer, as Lambda makes it."""
        try:
            answer = self._handler(event, Context())
        except self._error as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
        given = sorted((self._read(message) for message in self._kafka.receive()), key=lambda each: each.sequence)
        return Invocation(answer, tuple(given))

    def _read(self, message: Received) -> Given:
        body = io.BytesIO(message.value[PREFIX_BYTES:])
        event = fastavro.schemaless_reader(body, self._schema, None)
        if not isinstance(event, dict):
            raise TypeError(f"an event is a record, not {type(event).__name__}")
        return Given(message, int.from_bytes(message.value[1:PREFIX_BYTES]), event)


def read_event(path: Path) -> object:
    """The event in this file.

    Raises:
        LocalError: there is none.

    """
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}: EVENT names a file such as events/insert.json") from error
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
            "DELIVERY_TIMEOUT_MS": str(UNHURRIED_MS),
            "POWERTOOLS_LOG_LEVEL": "WARNING",
            **chosen,
        }
    )
