"""The function emits the metrics of the table, in CloudWatch's embedded metric format."""

import io
import json
import logging
from contextlib import redirect_stdout
from typing import Any

import pytest
from hypothesis import given, strategies

from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.metrics import METRICS, emit, emit_registry_latency
from feature_events.outcome import measure_arrival
from feature_events.records.stream_record import read_table
from tests.support.backfills import MemoryCheckpoints, MemoryTable, to_plan
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline, with_encoder
from tests.support.records import STREAM_ARN, to_item, to_record, to_removal_record, to_unreadable_record


def read_emf(text: str) -> list[dict[str, Any]]:
    """Return the lines of the output that contain metrics."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def values_of(emitted: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the values by name and reason, after checking units and dimensions."""
    found: dict[str, Any] = {}
    for line in emitted:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "FeatureEvents"
        assert line["service"] == "feature-events"
        for metric in directive["Metrics"]:
            name = metric["Name"]
            assert metric["Unit"] == METRICS[name].unit.value
            assert directive["Dimensions"] == [list(each) for each in METRICS[name].dimensions]
            assert all(type(line[each]) is str for dimensions in directive["Dimensions"] for each in dimensions)
            key = " ".join([name, *[line[each] for each in ("reason", "event_type") if each in line]])
            assert key not in found
            [found[key]] = line[name]
    return found


def test_run__emits_every_figure_of_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is emitted once, even if it is zero: an alarm must distinguish none from missing data."""
    records = [to_record(0), to_record(1), to_record(2, kind="REMOVE"), to_record(3, item={}), to_unreadable_record(4)]
    publisher = FakePublisher()
    to_pipeline(publisher, FakeDeadLetters()).run(records, Deadline(1e9))
    expected = {
        "EventsDelivered feature_available": 2,
        "RecordsUndelivered": 0,
        "DeadLetters": 1,
        "DeadLetterLimitReached": 0,
        "SerializationTime": 0,
        "EventBytes": sum(len(message.value) for message in publisher.log),
        "DeliveryLatency": 0,
        "EndToEndLatency": 303_000,
        "RecordsSkipped remove": 1,
        "RecordsSkipped no_features": 1,
        "RecordsSkipped other_item": 0,
        "RecordsSkipped unchanged": 0,
    }
    emitted = read_emf(capsys.readouterr().out)
    assert values_of(emitted) == expected
    assert {line["table"] for line in emitted if "table" in line} == {"user_feature_store"}


def test_run__counts_delivered_events_by_type(capsys: pytest.CaptureFixture[str]) -> None:
    """Announced removals are counted apart. Their sum is the number of all delivered events."""
    records = [to_record(0), to_removal_record(1), to_removal_record(2), to_record(3)]
    pipeline = with_encoder(to_pipeline(FakePublisher(), FakeDeadLetters()), removals="events")
    pipeline.run(records, Deadline(1e9))
    values = values_of(read_emf(capsys.readouterr().out))
    delivered = {name: value for name, value in values.items() if name.startswith("EventsDelivered")}
    assert delivered == {"EventsDelivered feature_available": 2, "EventsDelivered feature_unavailable": 2}


@pytest.mark.parametrize(
    ("records", "table", "expected"),
    [
        ([to_record(0), to_record(1)], "user_feature_store", {"RecordsReceived": 2, "RecordAge": 303_000}),
        ([{"eventSourceARN": STREAM_ARN}], "user_feature_store", {"RecordsReceived": 1}),
        ([to_record() | {"eventSourceARN": "x"}], "unknown", {"RecordsReceived": 1, "RecordAge": 303_000}),
        ([to_record() | {"eventSourceARN": 1}], "unknown", {"RecordsReceived": 1, "RecordAge": 303_000}),
        (
            [to_record() | {"eventSourceARN": "a:table/\u00fc x"}],
            "unknown",
            {"RecordsReceived": 1, "RecordAge": 303_000},
        ),
        ([None, 1, [], {}, {"dynamodb": 1}], "unknown", {"RecordsReceived": 5}),
        ([], "unknown", {"RecordsReceived": 0}),
    ],
    ids=["good", "no time", "odd ARN", "ARN is not text", "not a table's name", "not records", "empty"],
)
def test_emit__accepts_any_batch(
    records: list[Any], table: str, expected: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A malformed batch has a size and a table, `unknown` if need be; its age is left out if no record has a time."""
    emit(measure_arrival(records, 1760100000.0), read_table(records))
    [line] = emitted = read_emf(capsys.readouterr().out)
    assert (values_of(emitted), line["table"]) == (expected, table)


@given(strategies.none() | strategies.text())
def test_emit__writes_only_table_names_that_cloudwatch_accepts(table: str | None) -> None:
    """CloudWatch drops figures whose dimensions contain no printable ASCII.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
    """
    with redirect_stdout(io.StringIO()) as out:
        emit({"DeadLetters": 1}, table, {"remove": 1}, {"feature_available": 1})
    names = {line["table"] for line in read_emf(out.getvalue())}
    assert names <= {table, "unknown"}
    assert all(name.isascii() and name.isprintable() and name.strip() for name in names)


def test_metrics__are_all_emitted(capsys: pytest.CaptureFixture[str]) -> None:
    """The table contains no other metric."""
    emit_registry_latency(12.5)
    emit(measure_arrival([to_record()], 1760100000.0), "orders")
    pipeline = to_pipeline(FakePublisher(), FakeDeadLetters())
    pipeline.run([to_record(), to_record(1, kind="REMOVE")], Deadline(1e9))
    clock = FakeClock()
    pace, checkpoints = Pace(1e9, clock), MemoryCheckpoints()
    announcement = Announcement(to_plan(), pipeline, MemoryTable(), 12.0, "request-1")
    worker = Worker(to_plan(), announcement, checkpoints, pace, clock)
    worker.work(0, Deadline(1e9), Deadline(1e9))
    emitted = read_emf(capsys.readouterr().out)
    assert {name for line in emitted for name in METRICS if name in line} == set(METRICS)
    assert {metric.dimensions for metric in METRICS.values()} == {
        (("service",),),
        (("service",), ("service", "table")),
        (("service",), ("service", "table"), ("service", "table", "event_type")),
        (("service", "reason"), ("service", "table", "reason")),
    }


def test_emit__emits_nothing_if_metrics_are_disabled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """POWERTOOLS_METRICS_DISABLED applies to every metric."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    for _ in range(100):  # Powertools flushes 100 values even if it is disabled
        emit_registry_latency(12.5)
        to_pipeline(FakePublisher(), FakeDeadLetters()).run([to_record(), to_record(1, kind="REMOVE")], Deadline(1e9))
    assert read_emf(capsys.readouterr().out) == []


def test_logs__contain_no_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log contains no key, value or feature name, neither of delivered nor of dead-lettered records."""
    log = io.StringIO()
    for handler in logging.getLogger("feature-events").handlers:
        monkeypatch.setattr(handler, "stream", log)
    secret = to_unreadable_record(1, entity="secret-entity")
    secret["dynamodb"]["NewImage"]["features"] = {"S": "secret-value"}
    good = to_record(entity="secret-entity", item=to_item(("secret_feature",), compute_id="secret-job"))
    to_pipeline(FakePublisher(), FakeDeadLetters()).run([good, secret], Deadline(1e9))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["record dead-lettered", "batch handled"]
    assert "secret" not in log.getvalue()
