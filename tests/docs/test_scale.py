"""What docs/scale.md says that metrics cost is counted from the code."""

import pytest

from feature_events.deadline import Deadline
from feature_events.metrics import METRICS, emit
from feature_events.outcome import measure_arrival
from feature_events.records.change import Skipped
from feature_events.records.stream_record import read_table
from local.paths import ROOT
from tests.docs.pages import read_table as read_rows
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline
from tests.support.records import CREATED, to_record

SCALE = (ROOT / "docs" / "scale.md").read_text()
OF_BACKFILLS = {"ItemsScanned", "EventsAgain"}
DOLLARS_A_METRIC = 0.30


def count(*, by_table: bool) -> int:
    """How many metrics CloudWatch charges for: those of one table, or those of the function."""
    return sum(
        len(Skipped) if "reason" in dimensions else 1
        for name, metric in METRICS.items()
        for dimensions in metric.dimensions
        if name not in OF_BACKFILLS and ("table" in dimensions) == by_table
    )


def test_metrics__cost_what_is_told() -> None:
    """The numbers of metrics, and their dollars, are those of the table of metrics."""
    told = list(read_rows("for", SCALE).values())
    counts = (count(by_table=True), count(by_table=False))
    assert told == [[str(each), f"{each * DOLLARS_A_METRIC:.2f}"] for each in counts]
    assert f"A table has {counts[0] - len(Skipped)} metrics of its own" in SCALE
    assert f"each of the {len(Skipped)} reasons" in SCALE


def test_metrics__are_as_long_as_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A batch writes so many lines of so many bytes, and they cost so much in CloudWatch Logs."""
    records = [to_record(number) for number in range(1000)]
    emit(measure_arrival(records, CREATED + 1.25), read_table(records))
    to_pipeline(FakePublisher(), FakeDeadLetters()).run(records, Deadline(1e9))
    lines = [line for line in capsys.readouterr().out.splitlines(keepends=True) if line.startswith('{"_aws"')]
    kilobytes = round(sum(map(len, lines)) / 1000, 1)
    assert f"writes {len(lines)} of them, {kilobytes} KB in all" in SCALE
    assert f"${kilobytes / 2:.2f} for a million batches" in SCALE
