"""The example consumers: their requirements and the commands that prepare and run them.

`make consume`, the tests and docs/consuming.md use the same commands.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from local.paths import ROOT
from local.servers.registry import CONFLUENT, GLUE

CONSUMERS = ROOT / "examples" / "consumers"


class ExampleConsumer(NamedTuple):
    """One program in examples/consumers."""

    name: str
    registries: Sequence[str]
    """The registries whose wire format it reads: `confluent`, `glue`."""
    needs: Sequence[str]
    """Programs that must be on PATH."""
    prepare: Sequence[Sequence[str]]
    """Commands that install and build the example. They do not disturb a running instance."""
    run: Sequence[str]
    """The command that reads the topic from its beginning until it is interrupted."""

    @property
    def directory(self) -> Path:
        """The working directory of its commands."""
        return CONSUMERS / self.name

    def find_missing(self) -> list[str]:
        """Return the required programs that are not on PATH."""
        return [each for each in self.needs if shutil.which(each) is None]


def read_consumers() -> Mapping[str, ExampleConsumer]:
    """Return all examples by name. The name is that of the directory."""
    found = json.loads((CONSUMERS / "commands.json").read_text())
    return {name: ExampleConsumer(name, **commands) for name, commands in found.items()}


WIRE_FORMATS = {CONFLUENT: "Confluent's wire format", GLUE: "AWS Glue's wire format"}


def find_readers(registry: str) -> list[str]:
    """Return the names of the examples that can read the events of a stack with this registry."""
    return sorted(name for name, each in read_consumers().items() if registry in each.registries)


def make_consumer_settings(kafka: str, registry: str, topic: str) -> dict[str, str]:
    """Make the environment variables that every example needs."""
    return {"KAFKA_BROKER_URL": kafka, "SCHEMA_REGISTRY": registry, "TOPIC_NAME": topic}
