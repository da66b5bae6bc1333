"""The output of the commands fits the terminal."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest
from rich.console import Console

from local.application.invocation import Invocation, SentEvent
from local.commands.background import make_exports
from local.commands.invoke import make_table
from local.demo.event_table import EventTable, shorten_names
from local.demo.events import Position, ReceivedEvent
from local.environment import REGION
from local.servers.topic import Received
from local.steps import Clock, Steps

FEATURES = ("avg_spend_30d", "txn_count_30d", "last_merchant", "is_weekend_buyer")
EVENT = ReceivedEvent(
    "id", "feature_available", "", "bright_uid", "u-1001", "feature", "spending", "run-1", FEATURES, Position(0, 7), 0
)


def print_table(width: int) -> Sequence[str]:
    """Print the heading and one event on a terminal with this width, and return the lines."""
    console = Console(width=width, file=io.StringIO())
    EventTable(console, "from the write until its event was read").add(EVENT, 1385.2)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "columns", "row"),
    [
        (60, ["entity", "resource", "features", "ms"], "avg_spend_30d +3         1385"),
        (80, ["entity", "resource", "features", "ms"], "avg_spend_30d, txn_count_30d +2              1385"),
        (120, ["entity", "resource", "features", "compute id", "at", "ms"], f"{', '.join(FEATURES)}    run-1"),
    ],
)
def test_event_table__gives_features_priority(width: int, columns: list[str], row: str) -> None:
    """A narrow terminal shows fewer columns, complete feature names, and the number of the other features."""
    lines = print_table(width)
    assert re.findall(r"compute id|\w+", lines[0]) == columns
    assert lines[-1].startswith(f"bright_uid u-1001  spending   {row}")
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("names", "width", "text"),
    [
        ((), 10, ""),
        (("a", "b"), 4, "a, b"),
        (("a", "b"), 3, "a +1"),
        (("a", "b", "c"), 7, "a, b, c"),
        (("aa", "bb", "cc"), 9, "aa, bb +1"),
        (("long-name",), 3, "long-name"),
    ],
)
def test_shorten_names__keeps_complete_names(names: Sequence[str], width: int, text: str) -> None:
    """It keeps at least one name, and appends the number of the others."""
    assert shorten_names(names, width) == text


def test_make_table__shows_long_headers_completely() -> None:
    """A long value continues on the next line."""
    source = f"arn:aws:dynamodb:us-east-1:123456789012:table/{'t' * 60}"
    message = Received(0, 0, b"", b"", (("ce_source", source.encode()),), 0)
    console = Console(width=60, file=io.StringIO())
    console.print(make_table(Invocation({}, (SentEvent(message, 7, {}),))))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert source in "".join(line[len("schema id  ") :].rstrip() for line in lines)
    assert max(map(len, lines)) <= 60


def test_step__shows_time_and_phase_after_a_download() -> None:
    """The time continues to count after all bytes have arrived, and the next phase is shown."""
    steps = Steps(Console(file=io.StringIO(), force_terminal=True))
    with steps.step("Kafka") as step:
        step.count_bytes(5_000_000, 5_000_000)
        (task,) = steps._progress.tasks  # noqa: SLF001  # what the terminal shows
        assert (task.description, task.finished) == ("Kafka: 5 of 5 MB", True)
        task.fields["since"] -= 100
        assert Clock().render(task).plain.split() == ["100", "s"]
        step.begin_phase("starting")
        (task,) = steps._progress.tasks  # noqa: SLF001
        assert (task.description, task.finished) == ("Kafka: starting", False)


def test_make_exports__points_tools_to_the_local_stack() -> None:
    """boto3 then ignores the shell's profile, session and proxy."""
    script = (
        "import boto3, urllib.request; client = boto3.client('dynamodb'); key = boto3.Session().get_credentials();"
        "print(client.meta.endpoint_url, client.meta.region_name, key.access_key, key.token,"
        " bool(urllib.request.proxy_bypass('127.0.0.1')))"
    )
    foreign = {"AWS_PROFILE": "missing", "AWS_SESSION_TOKEN": "token", "HTTP_PROXY": "http://127.0.0.1:9"}
    commands = "\n".join([*make_exports("http://127.0.0.1:4566"), '"$0" -c "$1"'])
    done = subprocess.run(  # noqa: S603  # the commands that a user pastes into a shell
        ["/bin/bash", "-c", commands, sys.executable, script],
        env={"PATH": os.environ["PATH"], **foreign},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["http://127.0.0.1:4566", REGION, "test", "None", "True"], done.stderr
    assert max(map(len, make_exports("http://127.0.0.1:45660"))) <= 60
