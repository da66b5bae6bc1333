"""Run an example consumer that exits with an error, and read the offsets that its group has committed."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from local.application.consumers import read_consumers
from tests.support.consumers import LIMIT, Printed, start


class Ended(NamedTuple):
    """The result of an example that has exited."""

    status: int
    printed: list[Printed]
    log: str
    """The standard error."""


def run_to_end(name: str, settings: Mapping[str, str], log: Path) -> Ended:
    """Run an example until it exits."""
    example = read_consumers()[name]
    with log.open("w") as errors, start(example.run, example.directory, settings, errors) as running:
        try:
            output, _ = running.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
    return Ended(running.returncode, [json.loads(line) for line in output.splitlines()], log.read_text())


def read_committed(kafka: str, group: str, topic: str, partition: int = 0) -> int:
    """Return the committed offset of a group, or a negative number if there is none."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group})
    try:
        return int(consumer.committed([TopicPartition(topic, partition)], timeout=LIMIT)[0].offset)
    finally:
        consumer.close()
