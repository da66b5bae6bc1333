"""`make backfill` follows an execution to its end, and tells what became of the table's items or why it failed."""

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
    "poison": 1,
    "segments": 2,
    "skipped": {"no_features": 3},
    "examples": [{"reason": "its [key] is odd", "items": 1}],
}


class States:
    """Step Functions with one execution, which is so in turn, and one Map of two segments, of which one may fail."""

    def __init__(self, ends: Sequence[Json], failed: Json | None = None, *, has_map: bool = True) -> None:
        self.requests: list[Json] = []
        self.stopped: list[str] = []
        self._ends = iter(ends)
        self._failed = failed
        self._has_map = has_map

    def start_execution(self, **request: str) -> Json:
        """Starts it."""
        self.requests.append({**request, "input": json.loads(request["input"])})
        return {"executionArn": "execution:r-1"}

    def describe_execution(self, **request: str) -> Json:
        """How it is now; one that is asked about once too often is interrupted."""
        if request["executionArn"] == "segment":
            assert self._failed is not None
            return self._failed
        end = next(self._ends, None)
        if end is None:
            raise KeyboardInterrupt
        return end

    def stop_execution(self, **request: str) -> None:
        """Stops it."""
        self.stopped.append(request["executionArn"])

    def list_map_runs(self, **_: str) -> Json:
        """The only one, if the execution came so far."""
        return {"mapRuns": [{"mapRunArn": "map"}] if self._has_map else []}

    def describe_map_run(self, **_: str) -> Json:
        """Half of it is done."""
        return {"itemCounts": {"succeeded": 1, "total": 2}}

    def list_executions(self, **request: str) -> Json:
        """The failed segment, if there is one."""
        assert request["statusFilter"] == "FAILED"
        return {"executions": [{"executionArn": "segment"}] if self._failed else []}


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A console that keeps what it prints, in front of a command that does not wait."""
    monkeypatch.setattr(backfill, "POLL_SECONDS", 0.0)
    return Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)


def read(console: Console) -> str:
    """What was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


RUNNING = {"status": "RUNNING"}


def test_run__shows_how_far_it_is_and_gives_the_report(console: Console) -> None:
    """The request is the execution's input, its output the report, and the segments are counted meanwhile."""
    states = States([RUNNING, {"status": "SUCCEEDED", "output": json.dumps(REPORT)}])
    assert run(console, cast("Any", states), "machine", REQUEST) == REPORT
    assert states.requests == [{"stateMachineArn": "machine", "input": REQUEST}]
    assert "1/2" in read(console)


def test_run__says_in_a_line_why_its_plan_failed(console: Console) -> None:
    """The words are the function's own, without its stack; there is nothing to go on with."""
    cause = json.dumps({"errorMessage": "there is no table", "stackTrace": ["File backfill.py"]})
    end = {"status": "FAILED", "error": "Misconfigured", "cause": cause}
    with pytest.raises(LocalError) as raised:
        run(console, cast("Any", States([end, end], has_map=False)), "machine", REQUEST)
    assert str(raised.value) == "the backfill failed: Misconfigured: there is no table"
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.parametrize(("request_", "name"), [(REQUEST, "r-1"), ({**REQUEST, "run": "r-0"}, "r-0")])
def test_run__says_why_a_segment_failed_and_how_to_go_on(console: Console, request_: Json, name: str) -> None:
    """Of the machine's own error nobody learns more than that a segment failed; a run keeps its first name."""
    failed = {"error": "Undelivered", "cause": "plain"}
    states = States([{"status": "FAILED", "error": "States.ExceedToleratedFailureThreshold"}], failed)
    with pytest.raises(LocalError) as raised:
        run(console, cast("Any", states), "machine", request_)
    assert str(raised.value) == "the backfill failed: Undelivered: plain"
    assert [f"RUN={name} goes on" in note for note in raised.value.__notes__] == [True]


def test_run__that_was_stopped_elsewhere_says_so(console: Console) -> None:
    """Who stopped it need not have said why."""
    aborted = {"status": "ABORTED"}
    with pytest.raises(LocalError, match="the backfill aborted: nothing says why"):
        run(console, cast("Any", States([aborted, aborted])), "machine", REQUEST)


def test_run__that_is_interrupted_stops_the_execution(console: Console) -> None:
    """Ctrl-C leaves nothing running."""
    states = States([RUNNING])
    with pytest.raises(KeyboardInterrupt):
        run(console, cast("Any", states), "machine", REQUEST)
    assert states.stopped == ["execution:r-1"]


def test_show__tells_what_became_of_the_items(console: Console) -> None:
    """Each count that is not nothing has a line, each reason too, and the run has its name."""
    show(console, REPORT)
    words = [line.split() for line in read(console).splitlines()]
    assert [line[:2] for line in words[:5]] == [
        *(["items", "12"], ["delivered", "9"], ["again", "1"], ["poison", "1"], ["skipped", "3"])
    ]
    assert words[5][:2] == ["poison", "1:"]
    assert "its [key] is odd" in read(console)
    assert words[6][:2] == ["run", "r-1,"]


def test_show__says_when_the_table_is_empty(console: Console) -> None:
    """No item is no error."""
    show(console, {**REPORT, **dict.fromkeys(("items", "delivered", "again", "poison"), 0), "skipped": {}})
    assert "the table is empty" in read(console)
