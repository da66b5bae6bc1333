"""docs/scale.md has the number and cost of the metrics that the code emits."""

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
from tests.template.expansion import expand_set

SCALE = (ROOT / "docs" / "scale.md").read_text()
BACKFILL_METRICS = {"ItemsScanned", "EventsAgain"}
DOLLARS_PER_METRIC = 0.30


def count(*, by_table: bool) -> int:
    """Count the metrics for which CloudWatch charges: those of one table, or those of the function."""
    return sum(
        len(Skipped) if "reason" in dimensions else 1
        for name, metric in METRICS.items()
        for dimensions in metric.dimensions
        if name not in BACKFILL_METRICS and ("table" in dimensions) == by_table
    )


def test_metrics__have_the_documented_cost() -> None:
    """The page has the number of metrics in the code, and their price."""
    rows = list(read_rows("metrics of", SCALE).values())
    counts = (count(by_table=True), count(by_table=False))
    assert rows == [[str(each), f"{each * DOLLARS_PER_METRIC:.2f}"] for each in counts]
    assert f"Each table has {counts[0] - len(Skipped)} metrics" in SCALE
    assert f"each of the {len(Skipped)} reasons" in SCALE


def test_metrics__have_the_documented_size(capsys: pytest.CaptureFixture[str]) -> None:
    """The page has the number of log lines per batch, their size, and their price in CloudWatch Logs."""
    records = [to_record(number) for number in range(1000)]
    emit(measure_arrival(records, CREATED + 1.25), read_table(records))
    to_pipeline(FakePublisher(), FakeDeadLetters()).run(records, Deadline(1e9))
    lines = [line for line in capsys.readouterr().out.splitlines(keepends=True) if line.startswith('{"_aws"')]
    kilobytes = round(sum(map(len, lines)) / 1000, 1)
    assert f"writes {len(lines)} lines, {kilobytes} KB in total" in SCALE
    assert f"${kilobytes / 2:.2f} for a million batches" in SCALE


def count_alarm_metrics(parameters: str, *, own_tables: bool = False) -> int:
    """Count the metrics that the alarms of a template evaluate, for one set of parameters."""
    alarms = {
        name: resource["Properties"]
        for name, resource in expand_set(parameters)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm" and name.startswith("OwnTables") == own_tables
    }
    return sum(sum("MetricStat" in each for each in alarm.get("Metrics", [])) or 1 for alarm in alarms.values())


def test_alarms__have_the_documented_number_of_metrics() -> None:
    """The page has the number of metrics for which CloudWatch charges per alarm."""
    application, own = count_alarm_metrics("own tables"), count_alarm_metrics("own tables", own_tables=True)
    attachment = count_alarm_metrics("attachment")
    text = " ".join(SCALE.split())
    assert f"alarms have {application} metrics, those of its own tables {own}, " in text
    assert f"those of each attached table {attachment}." in text
