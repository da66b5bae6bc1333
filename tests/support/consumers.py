"""Run an example consumer on a real topic, and read its output."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from local.application.consumers import CONSUMERS, make_consumer_settings, read_consumers
from local.environment import make_tool_environment
from local.paths import HOME

LIMIT = 180.0
"""The timeout in seconds for reading a topic. It only ends a test that would hang."""
PREPARE_LIMIT = 900.0
GRACE = 60.0

type Printed = dict[str, Any]
"""The line that an example prints for a message: `key`, `headers` and `event`."""


class SentMessage(NamedTuple):
    """A message in the topic, and its decoded event."""

    key: bytes
    value: bytes
    headers: Mapping[str, str]
    timestamp_ms: int
    event: Mapping[str, Any]

    @property
    def printed(self) -> Printed:
        """The line that an example must print."""
        return {"key": self.key.decode(), "headers": dict(self.headers), "event": dict(self.event)}


class SentTopic(NamedTuple):
    """A topic with messages, and the registry of their schemas."""

    kafka: str
    registry: str
    name: str
    messages: tuple[SentMessage, ...]

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables of an example that reads the topic."""
        return make_consumer_settings(self.kafka, self.registry, self.name)


def send(kafka: str, topic: str, messages: Iterable[SentMessage]) -> None:
    """Produce these messages in order, with the compression of the pipeline."""
    producer = Producer(
        {
            "bootstrap.servers": kafka,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "compression.type": "zstd",
        }
    )
    for each in messages:
        headers: list[tuple[str, str | bytes | None]] = [(name, text.encode()) for name, text in each.headers.items()]
        producer.produce(topic, each.value, each.key, headers=headers, timestamp=each.timestamp_ms)
    assert producer.flush(LIMIT) == 0


def prepare(name: str) -> None:
    """Install and build an example. Skip the test if its toolchain is missing."""
    example = read_consumers()[name]
    missing = example.find_missing()
    if missing:
        reason = f"the example {name} needs {' and '.join(missing)}"
        if os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"):
            pytest.fail(reason)
        pytest.skip(reason)
    environment = make_tool_environment({})
    with (HOME / f"prepare-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two installations into one directory at the same time damage it
        for each in example.prepare:
            subprocess.run(each, cwd=example.directory, env=environment, check=True, timeout=PREPARE_LIMIT)  # noqa: S603  # a command of the example


def run_example(
    name: str, settings: Mapping[str, str], number: int, log: Path, *, limit: float = LIMIT
) -> list[Printed]:
    """Run an example until it has printed this number of lines, terminate it, and return the lines.

    Args:
        name: the name of the example.
        settings: its environment variables.
        number: the number of lines to wait for.
        log: the file for its errors, which are shown if it fails.
        limit: the timeout in seconds.

    """
    example = read_consumers()[name]
    found: list[Printed] = []
    with log.open("w") as errors, start(example.run, example.directory, settings, errors) as running:
        assert running.stdout is not None
        end = threading.Timer(limit, _end, [running])
        end.start()
        try:
            while len(found) < number and (line := running.stdout.readline()):
                found.append(json.loads(line))
            running.terminate()
            found += [json.loads(line) for line in running.stdout]
            status = running.wait()
        finally:
            end.cancel()
            _end(running)
    assert status == 0, f"{name} exited with {status} after {len(found)} of {number} lines: {log.read_text()[-4000:]}"
    return found


def print_state(settings: Mapping[str, str]) -> list[Printed]:
    """Return the lines of `python current_state.py --print`, which needs neither Kafka nor the registry."""
    environment = make_tool_environment({"STATE_FILE": settings["STATE_FILE"]})
    command = [sys.executable, str(CONSUMERS / "current-state" / "current_state.py"), "--print"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=LIMIT)  # noqa: S603  # ours
    return [json.loads(line) for line in run.stdout.splitlines()]


def by_key(printed: Iterable[Printed]) -> dict[str, list[Printed]]:
    """Group messages by key. Their order within a key does not depend on other partitions."""
    found = defaultdict(list)
    for each in printed:
        found[each["key"]].append(each)
    return dict(found)


def _end(running: subprocess.Popen[str]) -> None:
    """Terminate a program, so that it can stop its child processes, and kill it after a timeout."""
    running.terminate()
    try:
        running.wait(GRACE)
    except subprocess.TimeoutExpired:
        running.kill()


def start(
    command: Iterable[str],
    directory: Path,
    settings: Mapping[str, str],
    errors: Any,  # noqa: ANN401  # an open file
) -> subprocess.Popen[str]:
    """Start a command of an example. The caller reads its standard output."""
    program, *arguments = command
    environment = make_tool_environment(settings)
    found = shutil.which(program, path=environment["PATH"]) or str(directory / program)
    return subprocess.Popen(  # noqa: S603  # a command of the example
        [found, *arguments], cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
    )
