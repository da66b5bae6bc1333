"""Runs an example consumer on a real topic, and reads what it prints."""

import json
import os
import shutil
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer

from local.application.consumers import make_consumer_settings, read_consumers
from local.environment import make_tool_environment

LIMIT = 180.0
"""Seconds for a program to read its topic: an end to a test that would wait for ever, and no measure of speed."""
PREPARE_LIMIT = 900.0
GRACE = 60.0

type Printed = dict[str, Any]
"""What an example prints of a message: `key`, `headers` and `event`."""


class SentMessage(NamedTuple):
    """A message of the topic, and what a consumer has to find in it."""

    key: bytes
    value: bytes
    headers: Mapping[str, str]
    timestamp_ms: int
    event: Mapping[str, Any]

    @property
    def printed(self) -> Printed:
        """What an example has to print of it."""
        return {"key": self.key.decode(), "headers": dict(self.headers), "event": dict(self.event)}


class SentTopic(NamedTuple):
    """A topic with messages, and the registry of their schemas."""

    kafka: str
    registry: str
    name: str
    messages: tuple[SentMessage, ...]

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables by which an example finds it."""
        return make_consumer_settings(self.kafka, self.registry, self.name)


def send(kafka: str, topic: str, messages: Iterable[SentMessage]) -> None:
    """Produces messages whose bytes are given, in their order, compressed as the pipeline compresses them."""
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
    """Fetches and builds what an example needs; skips its tests where its toolchain is not there."""
    example = read_consumers()[name]
    missing = example.find_missing()
    if missing:
        reason = f"the example {name} needs {' and '.join(missing)}, which this machine has not"
        if os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"):
            pytest.fail(reason)
        pytest.skip(reason)
    for each in example.prepare:
        subprocess.run(  # noqa: S603  # the example's own command
            each, cwd=example.directory, env=make_tool_environment({}), check=True, timeout=PREPARE_LIMIT
        )


def run_example(
    name: str, settings: Mapping[str, str], number: int, log: Path, *, limit: float = LIMIT
) -> list[Printed]:
    """What an example prints of the first so many messages; then it is told to end, and must do so by itself.

    Args:
        name: of the example.
        settings: its environment variables.
        number: of lines to wait for.
        log: the file for what it says besides, shown where it fails.
        limit: the seconds after which it is ended.

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
    assert status == 0, f"{name} ended with {status} after {len(found)} of {number}: {log.read_text()[-4000:]}"
    return found


def by_key(printed: Iterable[Printed]) -> dict[str, list[Printed]]:
    """Messages by their key, each key's in order: what one partition keeps, whatever others do meanwhile."""
    found = defaultdict(list)
    for each in printed:
        found[each["key"]].append(each)
    return dict(found)


def _end(running: subprocess.Popen[str]) -> None:
    """Ends it by force only where it does not end by itself: one that has started programs has to end them."""
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
    """Starts an example's command; its stdout is read by whoever starts it."""
    program, *arguments = command
    environment = make_tool_environment(settings)
    found = shutil.which(program, path=environment["PATH"]) or str(directory / program)
    return subprocess.Popen(  # noqa: S603  # the example's own command
        [found, *arguments], cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
    )
