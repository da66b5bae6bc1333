"""The example consumers: what each needs on the machine, and how it is prepared and run.

`make consume` and the tests run the same commands, which docs/consuming.md shows.
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
    """One of the programs in examples/consumers."""

    name: str
    registries: Sequence[str]
    """The registries whose wire format it reads: `confluent`, `glue`."""
    needs: Sequence[str]
    """The programs that must be on the PATH."""
    prepare: Sequence[Sequence[str]]
    """Commands that fetch and build what it needs; run again, they leave a running program its files."""
    run: Sequence[str]
    """The command that reads the topic from its beginning, until it is told to end."""

    @property
    def directory(self) -> Path:
        """Where its commands run."""
        return CONSUMERS / self.name

    def find_missing(self) -> list[str]:
        """What it needs and this machine has not."""
        return [each for each in self.needs if shutil.which(each) is None]


def read_consumers() -> Mapping[str, ExampleConsumer]:
    """Every example, by its name, which is that of its directory."""
    found = json.loads((CONSUMERS / "commands.json").read_text())
    return {name: ExampleConsumer(name, **commands) for name, commands in found.items()}


WIRE_FORMATS = {CONFLUENT: "Confluent's wire format", GLUE: "AWS Glue's wire format"}


def find_readers(registry: str) -> list[str]:
    """Return the names of the examples that read the events of a stack with this registry."""
    return sorted(name for name, each in read_consumers().items() if registry in each.registries)


def to_consumer_settings(kafka: str, registry: str, topic: str) -> dict[str, str]:
    """The environment variables by which every example finds its topic."""
    return {"KAFKA_BROKER_URL": kafka, "SCHEMA_REGISTRY": registry, "TOPIC_NAME": topic}
