"""`make invoke` runs the real function in its own process, and `make events` writes docs/events.md with it."""

import os
import subprocess
import sys

from local.commands.invoke import BEGIN, END, PAGE
from local.paths import ROOT

STOP = """
import sys
import feature_events.encoder as encoder
from local.commands import invoke

read = encoder.read_change

def stop(record, **options):
    breakpoint()
    return read(record, **options)

encoder.read_change = stop
invoke.main()
"""


def run(*arguments: str, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and with the text that a user types."""
    return subprocess.run(  # noqa: S603  # commands of this project
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **environ},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_invoke__shows_response_key_headers_and_event() -> None:
    """The output contains everything that a consumer receives. Settings in the shell have no effect."""
    foreign = {"KAFKA_AUTH": "iam", "SCHEMA_VERSION": "latest", "DEAD_LETTER_LIMIT": "x", "AWS_PROFILE": "missing"}
    done = run("-S", "local", "invoke", "events/insert.json", **foreign)
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split(maxsplit=1)) == 2)
    shown = {name: text.strip() for name, text in rows.items()}
    assert done.returncode == 0, done.stdout + done.stderr
    assert shown["response"] == '{"batchItemFailures": []}'
    assert shown["key"] == shown["entity_id"] == "user-123"
    assert shown["ce_subject"] == "bright_uid/user-123"
    assert shown["features"] == "age, income, city"


def test_invoke__uses_the_features_mode_of_the_shell() -> None:
    """FEATURES_MODE=changed names the changed features. A change of the timestamp alone produces no event."""
    modified = run("-S", "local", "invoke", "events/modify.json", FEATURES_MODE="changed").stdout
    assert modified.splitlines()[-1].split() == ["features", "age"]
    unchanged = run("-S", "local", "invoke", "events/unchanged.json", FEATURES_MODE="changed").stdout
    assert unchanged.splitlines()[-1].split() == ["events", "0"]


def test_invoke__uses_the_layouts_of_the_shell() -> None:
    """TABLE_LAYOUTS in the shell overrides the layouts for the samples."""
    sample = "events/single-table.json"
    assert run("-S", "local", "invoke", sample).stdout.splitlines()[-1].split() == ["features", "share_30d"]
    output = run("-S", "local", "invoke", sample, TABLE_LAYOUTS="default").stdout
    assert "no layout fits the table app with the key attributes pk and sk" in output


def test_invoke__stops_at_a_breakpoint() -> None:
    """The function runs in the process of the command, so its debugger reads what the user types."""
    done = run("-c", STOP, "events/insert.json", typed="p record['eventName']\ncontinue\n")
    assert "(Pdb) 'INSERT'" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["features", "age,", "income,", "city"]


def test_invoke__reports_a_missing_file() -> None:
    """The error is one line."""
    done = run("-S", "local", "invoke", "events/no-such.json")
    error = "error: events/no-such.json: No such file or directory: EVENT must name a file such as events/insert.json\n"
    assert (done.stdout, done.returncode) == (error, 1)


def test_page__has_the_current_table() -> None:
    """docs/events.md shows each sample event with the answer and the events that the function produces now."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, _ = rest.partition(END)
    done = run("-S", "local", "invoke", "--table")
    assert table == done.stdout, f"{done.stderr}: run `make events`"
