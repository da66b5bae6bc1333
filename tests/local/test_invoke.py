"""`make invoke` runs the real function in its own process, and docs/events.md shows the results."""

import os
import subprocess
import sys

from local.commands.invoke import BEGIN, END, PAGE
from local.paths import ROOT

STOP = """
import sys
import feature_events.pipeline as pipeline
from local.commands import invoke

read = pipeline.read_change

def stop(record):
    breakpoint()
    return read(record)

pipeline.read_change = stop
invoke.main()
"""


def run(*arguments: str, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """A Python of this project's with these arguments, and what a person types."""
    return subprocess.run(  # noqa: S603  # this project's own commands
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **environ},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_invoke__shows_answer_key_headers_and_event() -> None:
    """One event is decoded, with what else a consumer gets, whatever the shell's own settings are."""
    foreign = {"KAFKA_AUTH": "iam", "SCHEMA_VERSION": "latest", "DEAD_LETTER_LIMIT": "x", "AWS_PROFILE": "missing"}
    done = run("-S", "local", "invoke", "events/insert.json", **foreign)
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split(maxsplit=1)) == 2)
    told = {name: text.strip() for name, text in rows.items()}
    assert done.returncode == 0, done.stdout + done.stderr
    assert told["answer"] == '{"batchItemFailures": []}'
    assert told["key"] == told["entity_id"] == "user-123"
    assert told["ce_subject"] == "bright_uid/user-123"
    assert told["features"] == "age, income, city"


def test_invoke__takes_the_mode_from_the_shell() -> None:
    """With FEATURES_MODE=changed an event names what changed, and a change of the time alone gives none."""
    modified = run("-S", "local", "invoke", "events/modify.json", FEATURES_MODE="changed").stdout
    assert modified.splitlines()[-1].split() == ["features", "age"]
    unchanged = run("-S", "local", "invoke", "events/unchanged.json", FEATURES_MODE="changed").stdout
    assert unchanged.splitlines()[-1].split() == ["events", "0"]


def test_invoke__takes_the_layouts_from_the_shell() -> None:
    """Samples have the layouts that they need, and TABLE_LAYOUTS in the shell takes their place."""
    sample = "events/single-table.json"
    assert run("-S", "local", "invoke", sample).stdout.splitlines()[-1].split() == ["features", "share_30d"]
    told = run("-S", "local", "invoke", sample, TABLE_LAYOUTS="default").stdout
    assert "no layout fits the table app with the key attributes pk and sk" in told


def test_invoke__stops_at_a_breakpoint() -> None:
    """The function runs in this very process, so that a breakpoint in it takes what a person types."""
    done = run("-c", STOP, "events/insert.json", typed="p record['eventName']\ncontinue\n")
    assert "(Pdb) 'INSERT'" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].split() == ["features", "age,", "income,", "city"]


def test_invoke__says_which_file_is_missing() -> None:
    """One line for a name that is mistyped."""
    done = run("-S", "local", "invoke", "events/no-such.json")
    told = "error: events/no-such.json: No such file or directory: EVENT names a file such as events/insert.json\n"
    assert (done.stdout, done.returncode) == (told, 1)


def test_page__has_the_current_table() -> None:
    """docs/events.md shows each sample event with the answer and the events that the function produces now."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, _ = rest.partition(END)
    done = run("-S", "local", "invoke", "--table")
    assert table == done.stdout, f"{done.stderr}: run `make events`"
