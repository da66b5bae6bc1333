"""`make backfill` follows an execution, and reports the outcome of the table's items or the cause of a failure."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from rich.console import Console

from local.commands import backfill
from local.commands.backfill import run, show
from local.errors import LocalError

type Json = Mapping[str, Any]

REQUEST = {"table": "user_feature_store"}
REPORT = {
    "run": "r-1",
    "items": 12,
    "delivered": 9,
    "deliverable": 0,
    "again": 1,
    "still_changing": 0,
    "poison": 1,
    "segments": 2,
    "skipped": {"no_features": 3},
    "examples": [{"reason": "[key] is invalid", "items": 1}],
}


class States:
    """Step Functions with one execution, which goes through the given states, and a Map Run with two segments."""

    def __init__(self, states: Sequence[Json], failed: Json | None = None, *, has_map: bool = True) -> None:
        self.requests: list[Json] = []
        self.stopped: list[str] = []
        self._states = iter(states)
        self._failed = failed
        self._has_map = has_map

    def start_execution(self, **request: str) -> Json:
        """Record the request."""
        self.requests.append({**request, "input": json.loads(request["input"])})
        return {"executionArn": "execution:r-1"}

    def describe_execution(self, **request: str) -> Json:
        """Return the next state. After the last one, act as if the user pressed Ctrl-C."""
        if request["executionArn"] == "segment":
            assert self._failed is not None
            return self._failed
        state = next(self._states, None)
        if state is None:
            raise KeyboardInterrupt
        return state

    def stop_execution(self, **request: str) -> None:
        """Record the stopped execution."""
        self.stopped.append(request["executionArn"])

    def list_map_runs(self, **_: str) -> Json:
        """Return the Map Run, unless the execution failed before it."""
        return {"mapRuns": [{"mapRunArn": "map"}] if self._has_map else []}

    def describe_map_run(self, **_: str) -> Json:
        """Return the counts of a half-finished Map Run."""
        return {"itemCounts": {"succeeded": 1, "total": 2}}

    def list_executions(self, **request: str) -> Json:
        """Return the failed segment, if there is one."""
        assert request["statusFilter"] == "FAILED"
        return {"executions": [{"executionArn": "segment"}] if self._failed else []}


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """Return a console that records its output, and make the command poll without pauses."""
    monkeypatch.setattr(backfill, "POLL_SECONDS", 0.0)
    return Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)


def read(console: Console) -> str:
    """Return the printed text."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


RUNNING = {"status": "RUNNING"}


def test_run__shows_the_progress_and_returns_the_report(console: Console) -> None:
    """The request is the input of the execution, and the report is its output."""
    states = States([RUNNING, {"status": "SUCCEEDED", "output": json.dumps(REPORT)}])
    assert run(console, cast("Any", states), "machine", REQUEST) == REPORT
    assert states.requests == [{"stateMachineArn": "machine", "input": REQUEST}]
    assert "1/2" in read(console)


def test_run__reports_why_the_planning_failed(console: Console) -> None:
    """The error contains the function's message without its stack trace. No saved run is mentioned."""
    cause = json.dumps({"errorMessage": "table not found", "stackTrace": ["File backfill.py"]})
    failed = {"status": "FAILED", "error": "Misconfigured", "cause": cause}
    with pytest.raises(LocalError) as raised:
        run(console, cast("Any", States([failed, failed], has_map=False)), "machine", REQUEST)
    assert str(raised.value) == "the backfill failed: Misconfigured: table not found"
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.parametrize(("request_", "name"), [(REQUEST, "r-1"), ({**REQUEST, "run": "r-0"}, "r-0")])
def test_run__reports_why_a_segment_failed_and_how_to_resume(console: Console, request_: Json, name: str) -> None:
    """The error shows the segment's cause instead of that of the state machine. A resumed run keeps its name."""
    failed = {"error": "Undelivered", "cause": "plain"}
    states = States([{"status": "FAILED", "error": "States.ExceedToleratedFailureThreshold"}], failed)
    with pytest.raises(LocalError) as raised:
        run(console, cast("Any", states), "machine", request_)
    assert str(raised.value) == "the backfill failed: Undelivered: plain"
    assert [f"RUN={name} to resume" in note for note in raised.value.__notes__] == [True]


def test_run__reports_an_execution_that_was_aborted(console: Console) -> None:
    """An aborted execution may have no error and no cause."""
    aborted = {"status": "ABORTED"}
    with pytest.raises(LocalError, match="the backfill aborted: unknown error"):
        run(console, cast("Any", States([aborted, aborted])), "machine", REQUEST)


def test_run__stops_the_execution_on_ctrl_c(console: Console) -> None:
    """No execution is left running."""
    states = States([RUNNING])
    with pytest.raises(KeyboardInterrupt):
        run(console, cast("Any", states), "machine", REQUEST)
    assert states.stopped == ["execution:r-1"]


def test_show__prints_the_outcome_of_the_items(console: Console) -> None:
    """Zero counts are omitted."""
    show(console, REPORT)
    words = [line.split() for line in read(console).splitlines()]
    assert [line[:2] for line in words[:5]] == [
        *(["items", "12"], ["delivered", "9"], ["again", "1"], ["poison", "1"], ["skipped", "3"])
    ]
    assert words[5][:2] == ["poison", "1:"]
    assert "[key] is invalid" in read(console)
    assert words[6][:2] == ["run", "r-1,"]


def test_show__reports_an_empty_table(console: Console) -> None:
    """An empty table is not an error."""
    show(console, {**REPORT, **dict.fromkeys(("items", "delivered", "again", "poison"), 0), "skipped": {}})
    assert "the table is empty" in read(console)
