"""Count the requests of invocations to Kafka, the schema registry and S3.

Kafka's requests are read from librdkafka's protocol log, so broker and client are unchanged. A web server stands in for
the registry and AWS, and counts their requests. The program invokes the function, and marks each invocation in the log.
"""

import importlib
import json
import os
import re
import sys
from collections import Counter
from typing import Any, NamedTuple

from benchmarks.contenders import Context
from benchmarks.programs import make_command, run_to_end, silence
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import make_settings
from tests.support.web_server import Answer, run_scripted_server

SIZES = ((3, 1_000), (3, 1_000), (3, 1), (100, 100))
"""The numbers of features and records of the invocations, all in one execution environment."""

PARTITIONS = 4
"""The number of partitions of every topic on the embedded broker."""

_MARK = "--- invocation"
_SENT = re.compile(r" Sent (\w+)Request ")
_BROKER = json.dumps({"test.mock.num.brokers": 1, "debug": "protocol", "log_level": 7})


class Traffic(NamedTuple):
    """The requests of one invocation, or of the start."""

    kafka: Counter[str]
    """The number of requests by kind."""
    web: int
    """The number of requests to the registry and AWS."""


def measure_traffic() -> list[Traffic]:
    """Run this module as a program, and return the traffic of the start and of each invocation."""
    output = run_to_end(make_command("traffic"), make_settings("127.0.0.1:1"))
    kafka = [Counter(_SENT.findall(part)) for part in output.errors.split(_MARK)]
    return [Traffic(*each) for each in zip(kafka, json.loads(output.text), strict=True)]


def _invoke_all() -> list[int]:
    """Invoke the function, and return the number of requests to the web server for each invocation."""
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
            function.handler(make_stream_event(features, records).parse(), Context())
            counts.append(len(server.requests) - sum(counts))
    return counts


def main() -> None:
    """Invoke the function, and print the counts."""
    with silence():
        counts = _invoke_all()
    print(json.dumps(counts))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
