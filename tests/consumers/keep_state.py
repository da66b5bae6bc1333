"""Apply the state rule of each language's example to messages, and return each item's current event."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from examples.consumers.python.position import Position
from local.application.consumers import CONSUMERS
from local.environment import make_tool_environment
from tests.support.consumers import PREPARE_LIMIT, prepare

PROGRAMS = Path(__file__).parent / "state_programs"


class PositionedEvent(NamedTuple):
    """An event with its item and what orders it."""

    item: str
    timestamp_ms: int
    ce_sequence: str | None
    offset: int
    event: Mapping[str, Any]

    @property
    def position(self) -> Position:
        """The position by the Python example."""
        return Position.of(self.timestamp_ms, self.ce_sequence, self.offset)


type State = dict[str, Mapping[str, Any]]
"""The current event of each item."""


def keep_in_python(messages: Iterable[PositionedEvent], _: Path) -> State:
    """Apply the rule of the Python example."""
    kept: dict[str, PositionedEvent] = {}
    for each in messages:
        if each.item not in kept or each.position.is_newer_than(kept[each.item].position):
            kept[each.item] = each
    return {item: each.event for item, each in kept.items()}


def keep_in_node(messages: Iterable[PositionedEvent], _: Path) -> State:
    """Apply the rule of the Node example."""
    return _run(["node", str(PROGRAMS / "keep_state.mjs")], CONSUMERS / "node", messages)


def keep_in_go(messages: Iterable[PositionedEvent], directory: Path) -> State:
    """Apply the rule of the Go example, compiled with a program of the tests in an empty directory."""
    for name in ("position.go", "go.mod", "go.sum"):
        shutil.copy(CONSUMERS / "go" / name, directory)
    shutil.copy(PROGRAMS / "keep_state.go", directory)
    return _run(["go", "run", "."], directory, messages)


def keep_in_java(messages: Iterable[PositionedEvent], _: Path) -> State:
    """Apply the rule of the Java example, with its compiled classes."""
    command = ["java", "-cp", "target/classes:target/lib/*", str(PROGRAMS / "KeepState.java")]
    return _run(command, CONSUMERS / "java", messages)


LANGUAGES = {"go": keep_in_go, "java": keep_in_java, "node": keep_in_node, "python": keep_in_python}
"""A function for each language."""


def keep_in(language: str, messages: Iterable[PositionedEvent], directory: Path) -> State:
    """Apply the rule of a language's example. Skip the test if the toolchain is missing."""
    prepare(language)
    return LANGUAGES[language](messages, directory)


def _run(command: list[str], directory: Path, messages: Iterable[PositionedEvent]) -> State:
    done = subprocess.run(  # noqa: S603  # a program of the tests
        command,
        cwd=directory,
        env=make_tool_environment({}),
        input="".join(json.dumps(each._asdict()) + "\n" for each in messages),
        capture_output=True,
        text=True,
        check=False,
        timeout=PREPARE_LIMIT,
    )
    assert done.returncode == 0, done.stderr
    found: State = json.loads(done.stdout)
    return found
