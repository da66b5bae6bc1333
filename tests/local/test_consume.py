"""`make consume` runs an example on the running stack, or reports in one line what is missing."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from rich.console import Console

from local.application.consumers import ExampleConsumer, read_consumers
from local.commands import background
from local.commands import consume as command
from local.errors import LocalError
from local.servers.registry import CONFLUENT, GLUE
from local.servers.topic import TOPIC

STACK = SimpleNamespace(kafka="127.0.0.1:9", registry="http://127.0.0.1:8", aws="http://127.0.0.1:7")


class Replaced(Exception):
    """Raised instead of replacing this process with another program."""


@pytest.fixture
def console() -> Console:
    """Return a console that records its output."""
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Sequence[str], Mapping[str, str]]]:
    """Return the directory, the command and the environment of the started program."""
    found: list[tuple[Path, Sequence[str], Mapping[str, str]]] = []

    def replace(_program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        found.append((Path.cwd(), arguments, environment))
        raise Replaced

    monkeypatch.setattr(os, "execvpe", replace)
    monkeypatch.chdir(Path.cwd())  # restored after the command has changed it
    return found


def set_example(
    monkeypatch: pytest.MonkeyPatch,
    registry: str = CONFLUENT,
    **commands: Sequence[Sequence[str]] | Sequence[str],
) -> None:
    """Replace the Go example by one with these commands, on a running stack."""
    usual = {"registries": [CONFLUENT], "needs": [], "prepare": [], "run": ["./consume"]}
    example = ExampleConsumer(**{"name": "go", **usual, **commands})  # type: ignore[arg-type]  # each has its own type
    monkeypatch.setattr(command, "read_consumers", lambda: {"go": example})
    set_stack(monkeypatch, registry)


def set_stack(monkeypatch: pytest.MonkeyPatch, registry: str) -> None:
    """Simulate a running stack whose application uses this registry."""
    described = {"Parameters": [{"ParameterKey": "SchemaRegistry", "ParameterValue": STACK.registry}]}
    if registry == GLUE:
        described = {"Parameters": [{"ParameterKey": "SchemaRegistry", "ParameterValue": GLUE}]}
    cloudformation = Mock(**{"describe_stacks.return_value": {"Stacks": [described]}})
    stack = SimpleNamespace(**vars(STACK), clients=SimpleNamespace(cloudformation=cloudformation))
    monkeypatch.setattr(command, "find_running", lambda: stack)
    monkeypatch.setattr(background, "find_running", lambda: stack)


def test_consume__replaces_the_process_with_the_example(
    console: Console, monkeypatch: pytest.MonkeyPatch, started: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """The example runs in its directory with the stack's addresses, without AWS profiles and proxies."""
    set_example(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(Replaced):
        command.consume(console, example="go")
    [(directory, arguments, environment)] = started
    assert (directory.name, arguments) == ("go", ["./consume"])
    settings = {"KAFKA_BROKER_URL": STACK.kafka, "SCHEMA_REGISTRY": STACK.registry, "TOPIC_NAME": TOPIC}
    assert settings.items() <= environment.items()
    assert environment["AWS_ENDPOINT_URL"] == STACK.aws
    assert environment.keys().isdisjoint({"AWS_PROFILE", "ALL_PROXY", "https_proxy"})


def test_consume__passes_glue_to_the_example(
    console: Console, monkeypatch: pytest.MonkeyPatch, started: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """With Glue, the events' schema is not in the stack's other registry."""
    set_example(monkeypatch, GLUE, registries=[CONFLUENT, GLUE])
    with pytest.raises(Replaced):
        command.consume(console, example="go")
    [(_, _, environment)] = started
    assert environment["SCHEMA_REGISTRY"] == "glue"
    assert environment["AWS_ENDPOINT_URL"] == STACK.aws


@pytest.mark.parametrize(
    ("example", "registry"),
    [
        (name, registry)
        for name, each in read_consumers().items()
        for registry in (CONFLUENT, GLUE)
        if registry not in each.registries
    ],
)
def test_consume__rejects_an_example_that_cannot_read_the_events(
    *, console: Console, monkeypatch: pytest.MonkeyPatch, example: str, registry: str
) -> None:
    """The error names the wire formats of the example and the stack, and the suitable examples."""
    set_stack(monkeypatch, registry)
    monkeypatch.setattr(ExampleConsumer, "find_missing", lambda _: [])
    readers = [name for name, each in read_consumers().items() if registry in each.registries]
    with pytest.raises(LocalError) as raised:
        command.consume(console, example=example)
    read, written = ("Confluent", "AWS Glue") if registry == GLUE else ("AWS Glue", "Confluent")
    assert str(raised.value) == (
        f"the example {example} reads only {read}'s wire format, but this stack writes {written}'s wire format: "
        f"EXAMPLE must be one of {', '.join(sorted(readers))}"
    )


@pytest.mark.parametrize(
    ("registry", "address", "examples"),
    [
        (CONFLUENT, STACK.registry, "(docs/consuming.md)\n"),
        (GLUE, "AWS Glue, at the AWS address below", "EXAMPLE=java-glue or python\n"),
    ],
)
def test_show_addresses__depends_on_the_registry(
    console: Console, monkeypatch: pytest.MonkeyPatch, registry: str, address: str, examples: str
) -> None:
    """With AWS Glue, the other registry has no schemas, and most examples cannot read the events."""
    set_stack(monkeypatch, registry)
    background.show_addresses(console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert f"  registry  {address}\n" in shown
    assert examples in shown
    assert (STACK.registry in shown) == (registry == CONFLUENT)


def test_consume__lists_the_examples(console: Console) -> None:
    """An unknown name is an error."""
    with pytest.raises(LocalError, match=r"^unknown example rust: EXAMPLE must be one of airflow, go, "):
        command.consume(console, example="rust")


def test_consume__names_missing_programs(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that are not on PATH are reported before anything is prepared."""
    set_example(monkeypatch, needs=["no-such-node", "sh", "no-such-npm"], prepare=[["false"]])
    with pytest.raises(LocalError, match=r"^the example go needs no-such-node and no-such-npm: install"):
        command.consume(console, example="go")


def test_consume__needs_a_stack(console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a running stack, the error says how to start one."""
    monkeypatch.setattr(background, "DEFAULT_STACK", tmp_path)
    with pytest.raises(LocalError, match="no local stack is running; start one with `make up`"):
        command.consume(console, example="python")


def test_consume__reports_a_failed_preparation(
    console: Console, monkeypatch: pytest.MonkeyPatch, started: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """The example is not started."""
    set_example(monkeypatch, prepare=[["true"], ["sh", "-c", "exit 3"]])
    with pytest.raises(LocalError, match=r"^could not prepare the example go: sh -c exit 3 failed$"):
        command.consume(console, example="go")
    assert started == []
