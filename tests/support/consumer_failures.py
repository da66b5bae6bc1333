"""Runs an example consumer on what it cannot read, and finds what its group has committed."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from local.application.consumers import read_consumers
from tests.support.consumers import LIMIT, Printed, start


class Ended(NamedTuple):
    """An example that has ended by itself."""

    status: int
    printed: list[Printed]
    log: str
    """What it wrote to stderr."""


def run_to_end(name: str, settings: Mapping[str, str], log: Path) -> Ended:
    """Runs an example that has to end by itself."""
    example = read_consumers()[name]
    with log.open("w") as errors, start(example.run, example.directory, settings, errors) as running:
        try:
            output, _ = running.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
    return Ended(running.returncode, [json.loads(line) for line in output.splitlines()], log.read_text())


def read_committed(kafka: str, group: str, topic: str, partition: int = 0) -> int:
    """The offset that a group goes on from; negative where it has committed none."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group})
    try:
        return int(consumer.committed([TopicPartition(topic, partition)], timeout=LIMIT)[0].offset)
    finally:
        consumer.close()
