"""The commands of the runbook work as written."""

import json
import os
import re
import shutil
import subprocess

import pytest

from local.paths import ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)\n```", PAGE, re.DOTALL)
(TABLE_COMMAND,) = [each for each in COMMANDS if "| jq -er" in each]
"""The command that prints the preflight check's report as a table."""
JQ = TABLE_COMMAND.partition(" | ")[2]

PASSED = {"name": "settings", "ok": True, "status": "ok", "detail": "understood"}
WARNED = {"name": "topic configuration", "ok": True, "status": "warning", "detail": "set it to CreateTime"}
FAILED = {"name": "TCP b-1.features.example:9098", "ok": False, "status": "failed", "detail": "allow port 9098"}

IS_REQUIRED = bool(os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"))
needs_jq = pytest.mark.skipif(shutil.which("jq") is None and not IS_REQUIRED, reason="jq is not installed")


def run_jq(report: object) -> tuple[int, list[str]]:
    """Return the exit status of the runbook's jq command for this report, and the lines that it prints."""
    done = subprocess.run(["sh", "-c", JQ], input=json.dumps(report), capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.returncode, done.stdout.splitlines()


@needs_jq
def test_preflight__prints_aligned_lines() -> None:
    """Each check is a line with its outcome, name and detail in columns."""
    assert run_jq({"ok": True, "checks": [PASSED, WARNED]}) == (
        0,
        [
            "ok      settings             understood",
            "WARN    topic configuration  set it to CreateTime",
            "true",
        ],
    )


@needs_jq
def test_preflight__fails_if_a_check_fails() -> None:
    """The command's exit status is the report's, so that a pipeline of commands stops."""
    status, lines = run_jq({"ok": False, "checks": [PASSED, FAILED]})
    assert status == 1
    assert [line.split()[0] for line in lines] == ["ok", "FAILED", "false"]


@needs_jq
@pytest.mark.parametrize("answer", [{"errorMessage": "timed out", "errorType": "Sandbox.Timedout"}, {}, None])
def test_preflight__fails_without_a_report(answer: object) -> None:
    """A function that failed has not passed the check."""
    status, _ = run_jq(answer)
    assert status != 0


def test_preflight__has_valid_events() -> None:
    """Every event in the runbook's check commands is JSON that the function understands."""
    events = [json.loads(each) for each in re.findall(r"'(\{.*?\})'", "\n".join(COMMANDS)) if "check" in each]
    assert len(events) == 2
    assert all(event["check"] is True and isinstance(event["tables"], list) for event in events)
