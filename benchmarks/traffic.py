"""Counts the requests that invocations make of Kafka, the schema registry and S3.

Kafka's are read from librdkafka's own protocol log, so no broker and no client is changed for it; the registry and AWS
are played by a web server that counts. Run as a program it invokes the function and marks each invocation in that log.
"""

import importlib
import json
import os
import re
import sys
from collections import Counter
from typing import Any, NamedTuple

from benchmarks.contenders import Context
from benchmarks.programs import run_to_end, silence, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.worker import to_settings
from tests.support.web_server import Answer, run_scripted_server

SIZES = ((3, 1_000), (3, 1_000), (3, 1), (100, 100))
"""Features and records of the invocations, one after the other in one execution environment."""

PARTITIONS = 4
"""What the embedded broker gives any topic."""

_MARK = "--- invocation"
_SENT = re.compile(r" Sent (\w+)Request ")
_BROKER = json.dumps({"test.mock.num.brokers": 1, "debug": "protocol", "log_level": 7})


class Traffic(NamedTuple):
    """What was asked of whom in one invocation, or at the start."""

    kafka: Counter[str]
    """Requests by kind."""
    web: int
    """Requests to the registry and AWS."""


def measure_traffic() -> list[Traffic]:
    """Runs this module as a program: the traffic of the start, then of each invocation."""
    output = run_to_end(to_command("traffic"), to_settings("127.0.0.1:1"))
    kafka = [Counter(_SENT.findall(part)) for part in output.errors.split(_MARK)]
    return [Traffic(*each) for each in zip(kafka, json.loads(output.text), strict=True)]


def _invoke_all() -> list[int]:
    """The web server's requests, by invocation."""
    counts = []
    with run_scripted_server() as server:
        server.script = [Answer.of(200, {"id": 1, "version": 1, "subject": "any"})]
        os.environ.update(
            SCHEMA_ID="",
            SCHEMA_REGISTRY=server.url,
            AWS_ENDPOINT_URL=server.url,
            FAILURE_BUCKET="letters",
            KAFKA_PROPERTIES=_BROKER,
        )
        function: Any = importlib.import_module("feature_events.handler")
        counts.append(len(server.requests))
        for features, records in SIZES:
            print(_MARK, file=sys.stderr, flush=True)  # noqa: T201  # into librdkafka's log
            function.handler(to_stream_event(features, records).parse(), Context())
            counts.append(len(server.requests) - sum(counts))
    return counts


def main() -> None:
    """Invokes and prints."""
    with silence():
        counts = _invoke_all()
    print(json.dumps(counts))  # noqa: T201  # it is what the program is for


if __name__ == "__main__":
    main()
