"""AWS's Java deserializer for Glue reads our messages correctly."""

import base64
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.message import to_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import DEFAULT_TOPIC, read_settings
from local.environment import REGION, bypass_proxies, make_aws_environment
from local.paths import ROOT
from local.servers.aws import Aws
from local.servers.downloads import fetch, read_lock

PROGRAM = ROOT / "tests" / "contract" / "glue" / "ReadEvents.java"
LOCK = PROGRAM.with_name("serde.lock")
NUMBER = 1000
ALPHABET = [*"aZ09 _-.,:/\\\"'{}\n\t\0", *"äßé日本語", "\u200d", "\ufeff", "😀", "👩‍🚀"]
"""Characters of names and ids: they may contain anything that UTF-8 can encode."""


@pytest.fixture(scope="module")
def java() -> str:
    """Return the launcher of a JDK, which compiles and runs a source file."""
    compiler = shutil.which("javac")
    if compiler is None:
        problem = "no JDK (javac) is installed to run AWS's deserializer for Glue"
        if os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS") == "1":
            pytest.fail(problem)
        pytest.skip(problem)
    return str(Path(compiler).with_name("java"))


@pytest.fixture
def glue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a local Glue, and return its endpoint. This process uses it too."""
    bypass_proxies()
    with Aws(tmp_path) as aws:
        for name, value in make_aws_environment(aws.url).items():
            monkeypatch.setenv(name, value)
        yield aws.url


def to_events() -> list[FeatureAvailabilityEvent]:
    """Return events with random texts and up to forty features, always the same ones."""
    chance = random.Random(14)  # noqa: S311  # for variety, not for secrecy

    def to_text() -> str:
        return "".join(chance.choices(ALPHABET, k=chance.choice((0, 1, 7, 70, 300))))

    names = FeatureAvailabilityEvent._fields
    return [
        FeatureAvailabilityEvent(
            **{name: to_text() for name in names if name != "features"},
            features=tuple(to_text() for _ in range(chance.randrange(41))),
        )
        for _ in range(NUMBER)
    ]


def read_line(line: str) -> FeatureAvailabilityEvent:
    """Parse an event that the program read."""
    return FeatureAvailabilityEvent(*map(read_value, line.split(" ")))


def read_value(text: str) -> Any:  # noqa: ANN401  # a text or a list of texts
    """Parse a field's value in the program's output."""
    kind, rest = text[0], text[1:]
    if kind == "t":
        return base64.b64decode(rest).decode()
    return tuple(map(read_value, rest.split(","))) if rest else ()


@pytest.mark.toolchain
def test_value__is_read_by_awss_deserializer(java: str, glue: str) -> None:
    """A thousand events are read as they were written."""
    artifacts = read_lock(LOCK)
    fetch(artifacts)
    registered = make_registry(read_settings({"SCHEMA_REGISTRY": "glue"}, registers=True)).ensure_registered()
    prefix, codec = to_prefix(registered.id), Codec(SHIPPED_SCHEMA)
    events = to_events()
    lines = [base64.b64encode(prefix + codec.encode(event)).decode() for event in events]
    classes = os.pathsep.join(str(artifact.file) for artifact in artifacts)
    done = subprocess.run(  # noqa: S603  # our own program
        [java, "-cp", classes, PROGRAM, glue, REGION, DEFAULT_TOPIC],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [read_line(line) for line in done.stdout.splitlines()] == events
