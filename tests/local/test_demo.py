"""The demo ends well only where exactly the expected events came."""

import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from feature_events.metrics import emit
from local.demo.events import Place, ReceivedEvent
from local.demo.feature_writes import plan_writes
from local.demo.function_log import count_skipped
from local.demo.summary import show_summary
from local.demo.verdict import Arrivals, to_subject, to_verdict
from local.paths import ROOT


def test_verdict__names_what_is_missing_and_what_nobody_expected() -> None:
    """An event that differs in one field is both: the expected one is missing, and another came."""
    first, second, *_ = [event for write in plan_writes() for event in write.events]
    user = second.subject.entity_id
    wrong = ReceivedEvent("id", "feature_available", "", "user", user, "feature", "other", "", (), Place(0, 0), 0)
    verdict = to_verdict([second], [wrong])
    assert verdict.missing == (second,)
    assert [event.subject for event in verdict.unexpected] == [to_subject(wrong)]
    assert not verdict.is_good
    assert to_verdict([first], []).missing == (first,)


def test_arrivals__tell_a_repetition_by_its_id() -> None:
    """The same event_id a second time is a duplicate and not a second event."""
    event = ReceivedEvent("id", "feature_available", "", "user", "u", "feature", "r", "", ("f",), Place(0, 0), 2.5)
    arrivals = Arrivals({to_subject(event): [2.0]})
    assert arrivals.add(event) == 500
    assert arrivals.add(event._replace(place=Place(0, 1))) is None
    assert arrivals.events == [event]
    assert len(arrivals.duplicates) == 1


def test_demo__gets_exactly_the_expected_events(tmp_path: Path) -> None:
    """The whole way, from table writes to events that a consumer reads, works here, and leaves no temporary file.

    A SOCKS proxy in the shell changes nothing.
    """
    done = subprocess.run(
        [sys.executable, "-S", "local", "demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "ALL_PROXY": "socks5://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly the expected events came" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_count_skipped__leaves_out_what_was_never_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    """The function emits zeros too, and a reason that it has not seen is the mapping's."""
    for count in (1, 2):
        emit({}, "orders", {"no_features": count, "remove": 0})
    assert count_skipped(["START", "{", *capsys.readouterr().out.splitlines()]) == {"no_features": 3}


FIGURES = """
requests sent    13: 9×put_item, 2×update_item,{}1×batch_write_item,{}1×delete_item
items changed    37, of which 3 give no event
events expected  34
events received  0, and 0 duplicates by event_id
without event    other_item 1: the function's metrics say 1
                 no_features 1: the function's metrics say 1
                 remove 1: dropped by the mapping's filter
write to read    p50 153 ms, p99 201 ms
cold start       1746 ms from the first write to its event
"""  # noqa: RUF001  # the times sign is what is shown
BREAK = "\n" + 17 * " "


@pytest.mark.parametrize(("width", "gaps"), [(60, [BREAK, " "]), (80, [" ", BREAK]), (120, [" ", " "])])
def test_summary__breaks_no_phrase_on_a_narrow_terminal(width: int, gaps: list[str]) -> None:
    """Each line of the figures ends where a reader expects it."""
    arrivals = Arrivals({})
    arrivals.waits = [1746.0, 153.0, 201.0]
    console = Console(width=width, file=io.StringIO())
    show_summary(console, plan_writes(), arrivals, Counter(no_features=1, other_item=1))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == FIGURES.format(*gaps).splitlines()
