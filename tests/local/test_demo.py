"""The demo succeeds only if exactly the expected events arrive."""

import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from feature_events.metrics import emit
from local.demo.comparison import Arrivals, compare_events, find_subject
from local.demo.events import Position, ReceivedEvent
from local.demo.feature_writes import plan_writes
from local.demo.summary import count_skipped, show_summary
from local.paths import ROOT


def test_compare_events__finds_missing_and_unexpected_events() -> None:
    """An event that differs in one field counts as one missing and one unexpected event."""
    first, second, *_ = [event for write in plan_writes() for event in write.events]
    user = second.subject.entity_id
    wrong = ReceivedEvent("id", "feature_available", "", "user", user, "feature", "other", "", (), Position(0, 0), 0)
    comparison = compare_events([second], [wrong])
    assert comparison.missing == (second,)
    assert [event.subject for event in comparison.unexpected] == [find_subject(wrong)]
    assert not comparison.is_equal
    assert compare_events([first], []).missing == (first,)


def test_arrivals__recognize_duplicates() -> None:
    """A duplicate has the same event_id."""
    event = ReceivedEvent("id", "feature_available", "", "user", "u", "feature", "r", "", ("f",), Position(0, 0), 2.5)
    arrivals = Arrivals({find_subject(event): [2.0]})
    assert arrivals.add(event) == 500
    assert arrivals.add(event._replace(position=Position(0, 1))) is None
    assert arrivals.events == [event]
    assert len(arrivals.duplicates) == 1


@pytest.mark.long
def test_demo__succeeds_and_leaves_no_temporary_files(tmp_path: Path) -> None:
    """The demo works even if the shell has a SOCKS proxy."""
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
    assert "success: exactly the expected events arrived" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_count_skipped__omits_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    """The function also emits zeros for reasons that did not occur."""
    for count in (1, 2):
        emit({}, "orders", {"no_features": count, "remove": 0})
    assert count_skipped(["START", "{", *capsys.readouterr().out.splitlines()]) == {"no_features": 3}


FIGURES = """
requests sent    13: 9×put_item, 2×update_item,{}1×batch_write_item,{}1×delete_item
items changed    37: 2 produce no event by design
events expected  35
events received  0, plus 0 duplicates
records skipped  other_item 1 (function's metrics: 1)
                 no_features 1 (function's metrics: 0)
write to read    p50 153 ms, p99 201 ms
cold start       1746 ms from the first write to its event
"""  # noqa: RUF001  # the printed text contains a multiplication sign
BREAK = "\n" + 17 * " "


@pytest.mark.parametrize(("width", "gaps"), [(60, [BREAK, " "]), (80, [" ", BREAK]), (120, [" ", " "])])
def test_show_summary__wraps_lines_between_phrases(width: int, gaps: list[str]) -> None:
    """A narrow terminal breaks a line after a comma, never after a number."""
    arrivals = Arrivals({})
    arrivals.latencies = [1746.0, 153.0, 201.0]
    console = Console(width=width, file=io.StringIO())
    show_summary(console, plan_writes(), arrivals, Counter(other_item=1))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines == FIGURES.format(*gaps).splitlines()
