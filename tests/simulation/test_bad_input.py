"""Generated records: the function settles each of them or raises one of its three errors."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest

from feature_events import handler as handler_module
from feature_events.errors import FeatureEventsError, Misconfigured, PoisonRecord
from feature_events.events.codec import Codec
from feature_events.layouts.entity_features import (
    EntityFeatures,
    FeaturesMode,
    _read_part_by_part,
    read_entity_features,
)
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings.settings import read_settings
from tests.simulation.garbage import CORPUS, save_case, to_bad_record, to_garbage
from tests.simulation.scale import SEED, report, scaled
from tests.support.doubles import FakeContext, FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import to_pipeline, with_encoder

RECORDS = scaled(10_000, 1_000_000)
BATCH = 20
OTHER = Codec(json.dumps({"type": "record", "name": "E", "fields": [{"name": "event_id", "type": "string"}]}))
"""A registered schema with only one of an event's fields."""
SETTINGS = read_settings({"KAFKA_BROKER_URL": "model:1", "SCHEMA_ID": "7"})


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emit no metrics and write no log for a million records."""
    monkeypatch.setattr("feature_events.metrics.emit", lambda *_: None)
    monkeypatch.setattr("feature_events.pipeline.logger", _SilentLogger())


class _SilentLogger:
    """A logger that writes nothing."""

    def info(self, message: str, **values: object) -> None:
        """Check that the log entry can be serialized."""
        json.dumps([message, values])

    error = info


def run(
    monkeypatch: pytest.MonkeyPatch, records: list[Any], mode: FeaturesMode
) -> tuple[FakePublisher, FakeDeadLetters, Any]:
    """Invoke the handler with doubles that accept everything; return the doubles and the answer."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    pipeline = with_encoder(to_pipeline(publisher, letters, features_mode=mode, limit=1_000_000), removals="events")
    if mode == "changed":
        pipeline = with_encoder(pipeline, codec=OTHER)
    monkeypatch.setattr(handler_module, "wire", lambda: (SETTINGS, pipeline))
    answer = handler_module.handler({"Records": records}, FakeContext())  # type: ignore[arg-type]  # the double
    return publisher, letters, answer


def check(monkeypatch: pytest.MonkeyPatch, records: list[Any], mode: FeaturesMode) -> bool:
    """Return True if the batch is settled, False if the handler raises Misconfigured."""
    misconfigured = ""
    try:
        publisher, letters, answer = run(monkeypatch, records, mode)
    except Misconfigured as error:
        misconfigured = str(error)
    if misconfigured:
        # Caused by one of the records; Lambda bisects the batch down to it
        assert "StreamViewType" in misconfigured or "no layout fits the table" in misconfigured
        return False
    assert answer == {"batchItemFailures": []}
    assert len(publisher.log) + len(letters.letters) <= len(records)
    for message in publisher.log:
        assert (type(message.key), type(message.value)) == (bytes, bytes)
        assert all(type(name) is str and type(text) is bytes for name, text in message.headers)
        assert 0 < message.timestamp_ms < 2**63
    return True


def find_culprit(monkeypatch: pytest.MonkeyPatch, records: list[Any], mode: FeaturesMode) -> Path:
    """Add the failing record of a batch to the corpus and return its file."""
    for record in records:
        try:
            check(monkeypatch, [record], mode)
        except Exception as error:  # noqa: BLE001  # any exception is a failure
            digest = crc32(repr(record).encode(errors="replace"))
            return save_case(f"{type(error).__name__.lower()}-{digest:08x}", record)
    raise AssertionError("the batch fails, but none of its records does")


def test_handler__settles_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every generated record is delivered, skipped, dead-lettered or misconfigured."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    settled = 0
    for number in range(0, RECORDS, BATCH):
        records = [to_bad_record(random, number + position) for position in range(BATCH)]
        mode: FeaturesMode = "changed" if random.random() < 0.5 else "all"
        try:
            settled += check(monkeypatch, records, mode)
            if number % (10 * BATCH) == 0:
                settled += sum(check(monkeypatch, [record], mode) for record in records)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {find_culprit(monkeypatch, records, mode)}") from error
    assert settled > RECORDS // BATCH // 2  # most batches contain no misconfigured record
    report("input", f"{RECORDS:,} generated records: only PoisonRecord, Undelivered or Misconfigured were raised")


def test_read_change__reads_or_rejects_any_value() -> None:
    """Any JSON value is a change, a skip, or one of two errors."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    kinds: set[type] = set()
    for number in range(RECORDS):
        record = to_garbage(random) if number % 2 else to_bad_record(random, number)
        try:
            change = read_change(record)
        except FeatureEventsError as error:
            kinds.add(type(error))
        else:
            kinds.add(type(change))
    assert kinds == {Change, Skipped, PoisonRecord, Misconfigured}


@pytest.mark.parametrize("mode", ["all", "changed"])
def test_read_entity_features__has_the_same_result_part_by_part(mode: FeaturesMode) -> None:
    """The fast path and the slow path return the same result for every generated record."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    read_fast = 0
    for number in range(RECORDS // 4):
        with contextlib.suppress(FeatureEventsError):
            change = read_change(to_bad_record(random, number))
            if isinstance(change, Change):
                found = [outcome_of(read, change, mode) for read in (read_entity_features, read_part_by_part)]
                assert found[0] == found[1]
                read_fast += isinstance(found[0], EntityFeatures)
    assert read_fast > RECORDS // 40


def read_part_by_part(change: Change, layouts: TableLayouts, mode: FeaturesMode) -> EntityFeatures | Skipped:
    """Read with the slow path."""
    return _read_part_by_part(change, layouts.fit(change.source_arn, tuple(change.keys)).layouts, mode)


def outcome_of(
    read: Callable[[Change, TableLayouts, FeaturesMode], EntityFeatures | Skipped], change: Change, mode: FeaturesMode
) -> object:
    """Return the result of a read function, or its error as a value."""
    try:
        return read(change, to_layouts(), mode)
    except FeatureEventsError as error:
        return type(error), str(error)


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.json")), ids=lambda file: file.stem)
@pytest.mark.parametrize("mode", ["all", "changed"])
def test_handler__settles_the_corpus(monkeypatch: pytest.MonkeyPatch, file: Path, mode: FeaturesMode) -> None:
    """Records that failed in earlier versions are settled."""
    check(monkeypatch, [json.loads(file.read_text())], mode)
