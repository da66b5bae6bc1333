"""`make consume` becomes an example on the stack that is up, or says in a line what is missing."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from rich.console import Console

from local.application.consumers import ExampleConsumer, read_consumers
from local.commands import consume as command
from local.commands import running_stack
from local.errors import LocalError
from local.servers.registry import CONFLUENT, GLUE
from local.servers.topic import TOPIC

STACK = SimpleNamespace(kafka="127.0.0.1:9", registry="http://127.0.0.1:8", aws="http://127.0.0.1:7")


class Become(Exception):
    """What would be the end of this process: another program takes its place."""


@pytest.fixture
def console() -> Console:
    """A console that shows nothing."""
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Sequence[str], Mapping[str, str]]]:
    """The directory, the command and the environment of the program that takes this one's place."""
    found: list[tuple[Path, Sequence[str], Mapping[str, str]]] = []

    def become(_program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        found.append((Path.cwd(), arguments, environment))
        raise Become

    monkeypatch.setattr(os, "execvpe", become)
    monkeypatch.chdir(Path.cwd())  # the command leaves it
    return found


def give(
    monkeypatch: pytest.MonkeyPatch,
    registry: str = CONFLUENT,
    **commands: Sequence[Sequence[str]] | Sequence[str],
) -> None:
    """Lets the example in Go have these commands, on a stack that is up."""
    usual = {"registries": [CONFLUENT], "needs": [], "prepare": [], "run": ["./consume"]}
    example = ExampleConsumer(**{"name": "go", **usual, **commands})  # type: ignore[arg-type]  # each has its own type
    monkeypatch.setattr(command, "read_consumers", lambda: {"go": example})
    set_stack(monkeypatch, registry)


def set_stack(monkeypatch: pytest.MonkeyPatch, registry: str) -> None:
    """Let a stack be up, to which the application is deployed with this registry."""
    told = {"Parameters": [{"ParameterKey": "SchemaRegistry", "ParameterValue": STACK.registry}]}
    if registry == GLUE:
        told = {"Parameters": [{"ParameterKey": "SchemaRegistry", "ParameterValue": GLUE}]}
    cloudformation = Mock(**{"describe_stacks.return_value": {"Stacks": [told]}})
    stack = SimpleNamespace(**vars(STACK), clients=SimpleNamespace(cloudformation=cloudformation))
    monkeypatch.setattr(command, "find_running", lambda: stack)
    monkeypatch.setattr(running_stack, "find_running", lambda: stack)


def test_consume__becomes_the_example(
    console: Console, monkeypatch: pytest.MonkeyPatch, became: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """It runs in the example's folder, is told where the topic is, and has only a test account of AWS and no proxy."""
    give(monkeypatch)
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(Become):
        command.consume(console, example="go")
    [(directory, arguments, environment)] = became
    assert (directory.name, arguments) == ("go", ["./consume"])
    settings = {"KAFKA_BROKER_URL": STACK.kafka, "SCHEMA_REGISTRY": STACK.registry, "TOPIC_NAME": TOPIC}
    assert settings.items() <= environment.items()
    assert environment["AWS_ENDPOINT_URL"] == STACK.aws
    assert environment.keys().isdisjoint({"AWS_PROFILE", "ALL_PROXY", "https_proxy"})


def test_consume__tells_an_example_of_glue(
    console: Console, monkeypatch: pytest.MonkeyPatch, became: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """The stack's own registry has no schema of such events."""
    give(monkeypatch, GLUE, registries=[CONFLUENT, GLUE])
    with pytest.raises(Become):
        command.consume(console, example="go")
    [(_, _, environment)] = became
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
def test_consume__runs_no_example_that_cannot_read_the_events(  # four are fixtures and parameters
    *, console: Console, monkeypatch: pytest.MonkeyPatch, example: str, registry: str
) -> None:
    """One sentence says what the example reads, what the stack writes, and which examples read that."""
    set_stack(monkeypatch, registry)
    monkeypatch.setattr(ExampleConsumer, "find_missing", lambda _: [])
    readers = [name for name, each in read_consumers().items() if registry in each.registries]
    with pytest.raises(LocalError) as refused:
        command.consume(console, example=example)
    read, written = ("Confluent", "AWS Glue") if registry == GLUE else ("AWS Glue", "Confluent")
    assert str(refused.value) == (
        f"the example {example} reads {read}'s wire format only, but this stack writes {written}'s wire format: "
        f"EXAMPLE must be one of {', '.join(sorted(readers))}"
    )


@pytest.mark.parametrize(
    ("registry", "address", "examples"),
    [
        (CONFLUENT, STACK.registry, "(docs/consuming.md)\n"),
        (GLUE, "AWS Glue, at the address of AWS", "EXAMPLE=java-glue or python\n"),
    ],
)
def test_addresses__fit_the_registry(
    console: Console, monkeypatch: pytest.MonkeyPatch, registry: str, address: str, examples: str
) -> None:
    """With AWS Glue the local registry has no schema of the events, and most examples cannot read them."""
    set_stack(monkeypatch, registry)
    running_stack.show_addresses(console)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert f"  registry  {address}\n" in shown
    assert examples in shown
    assert (STACK.registry in shown) == (registry == CONFLUENT)


def test_consume__names_the_examples(console: Console) -> None:
    """Who mistypes a name sees those that there are."""
    with pytest.raises(LocalError, match=r"^there is no example rust: EXAMPLE must be one of airflow, go, "):
        command.consume(console, example="rust")


def test_consume__names_missing_programs(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toolchain that is not on the PATH is named before anything is prepared."""
    give(monkeypatch, needs=["no-such-node", "sh", "no-such-npm"], prepare=[["false"]])
    with pytest.raises(LocalError, match=r"^the example go needs no-such-node and no-such-npm, which this "):
        command.consume(console, example="go")


def test_consume__needs_a_stack(console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where none is up it says how to start one."""
    monkeypatch.setattr(running_stack, "DEFAULT_STACK", tmp_path)
    with pytest.raises(LocalError, match="no local stack is up: start one with `make up`"):
        command.consume(console, example="python")


def test_consume__names_a_preparation_that_failed(
    console: Console, monkeypatch: pytest.MonkeyPatch, became: list[tuple[Path, Sequence[str], Mapping[str, str]]]
) -> None:
    """What cannot be built is not run."""
    give(monkeypatch, prepare=[["true"], ["sh", "-c", "exit 3"]])
    with pytest.raises(LocalError, match=r"^the example go could not be prepared: sh -c exit 3 failed$"):
        command.consume(console, example="go")
    assert became == []
