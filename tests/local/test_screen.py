"""What is printed fits the terminal that it is printed on."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest
from rich.console import Console

from local.application.invocation import Given, Invocation
from local.commands.invoke import to_table
from local.commands.running_stack import to_exports
from local.demo.event_table import EventTable, to_fitting
from local.demo.events import Place, ReceivedEvent
from local.environment import REGION
from local.servers.topic import Received
from local.steps import Clock, Steps

FEATURES = ("avg_spend_30d", "txn_count_30d", "last_merchant", "is_weekend_buyer")
EVENT = ReceivedEvent(
    "id", "feature_available", "", "bright_uid", "u-1001", "feature", "spending", "run-1", FEATURES, Place(0, 7), 0
)


def to_lines(width: int) -> Sequence[str]:
    """The heading and one event on a terminal of this width."""
    console = Console(width=width, file=io.StringIO())
    EventTable(console, "from the write's sending to the event's reading").add(EVENT, 1385.2)
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
def test_event_table__shows_features_before_all_else(width: int, columns: list[str], row: str) -> None:
    """A narrow terminal has fewer columns, and whole names of features, with how many more there are."""
    lines = to_lines(width)
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
def test_to_fitting__cuts_between_names(names: Sequence[str], width: int, text: str) -> None:
    """As many names as fit, at least one, and the number of the others."""
    assert to_fitting(names, width) == text


def test_invocation__shows_a_header_whole() -> None:
    """What is longer than the line goes on in the next one."""
    source = f"arn:aws:dynamodb:us-east-1:123456789012:table/{'t' * 60}"
    message = Received(0, 0, b"", b"", (("ce_source", source.encode()),), 0)
    console = Console(width=60, file=io.StringIO())
    console.print(to_table(Invocation({}, (Given(message, 7, {}),))))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert source in "".join(line[len("schema id  ") :].rstrip() for line in lines)
    assert max(map(len, lines)) <= 60


def test_step__counts_its_seconds_behind_a_full_bar() -> None:
    """The time goes on where all bytes have arrived, and what is done then is said."""
    steps = Steps(Console(file=io.StringIO(), force_terminal=True))
    with steps.step("Kafka") as step:
        step.count_bytes(5_000_000, 5_000_000)
        (task,) = steps._progress.tasks  # noqa: SLF001  # what the terminal shows
        assert (task.description, task.finished) == ("Kafka: 5 of 5 MB", True)
        task.fields["since"] -= 100
        assert Clock().render(task).plain.split() == ["100", "s"]
        step.go_on("starts")
        (task,) = steps._progress.tasks  # noqa: SLF001
        assert (task.description, task.finished) == ("Kafka starts", False)


def test_exports__lead_every_tool_here() -> None:
    """After them boto3 uses the local stack alone, whatever profile, proxy and session the shell had."""
    ask = (
        "import boto3, urllib.request; client = boto3.client('dynamodb'); key = boto3.Session().get_credentials();"
        "print(client.meta.endpoint_url, client.meta.region_name, key.access_key, key.token,"
        " bool(urllib.request.proxy_bypass('127.0.0.1')))"
    )
    foreign = {"AWS_PROFILE": "missing", "AWS_SESSION_TOKEN": "token", "HTTP_PROXY": "http://127.0.0.1:9"}
    script = "\n".join([*to_exports("http://127.0.0.1:4566"), '"$0" -c "$1"'])
    done = subprocess.run(  # noqa: S603  # the shell commands that a person is told to paste
        ["/bin/bash", "-c", script, sys.executable, ask],
        env={"PATH": os.environ["PATH"], **foreign},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["http://127.0.0.1:4566", REGION, "test", "None", "True"], done.stderr
    assert max(map(len, to_exports("http://127.0.0.1:45660"))) <= 60
