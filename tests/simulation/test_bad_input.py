"""Whatever a stream may bring, the function brings it to an end or says which of the three errors it is."""

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
from tests.simulation.garbage import CORPUS, keep, to_bad_record, to_garbage
from tests.simulation.scale import SEED, report, scaled
from tests.support.doubles import FakeContext, FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import to_pipeline, with_encoder

RECORDS = scaled(40_000, 1_000_000)
BATCH = 20
OTHER = Codec(json.dumps({"type": "record", "name": "E", "fields": [{"name": "event_id", "type": "string"}]}))
"""A registry schema with less than an event has."""
SETTINGS = read_settings({"KAFKA_BROKER_URL": "model:1", "SCHEMA_ID": "7"})


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No metrics, and no log, of a million records."""
    monkeypatch.setattr("feature_events.metrics.emit", lambda *_: None)
    monkeypatch.setattr("feature_events.pipeline.logger", _Silence())


class _Silence:
    """A logger that hears everything and says nothing."""

    def info(self, message: str, **values: object) -> None:
        """Checks that what is logged can be."""
        json.dumps([message, values])

    error = info


def run(
    monkeypatch: pytest.MonkeyPatch, records: list[Any], mode: FeaturesMode
) -> tuple[FakePublisher, FakeDeadLetters, Any]:
    """The handler over doubles that take everything; what it left behind, and its answer."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    pipeline = to_pipeline(publisher, letters, features_mode=mode, limit=1_000_000)
    if mode == "changed":
        pipeline = with_encoder(pipeline, codec=OTHER)
    monkeypatch.setattr(handler_module, "wire", lambda: (SETTINGS, pipeline))
    answer = handler_module.handler({"Records": records}, FakeContext())  # type: ignore[arg-type]  # the double
    return publisher, letters, answer


def check(monkeypatch: pytest.MonkeyPatch, records: list[Any], mode: FeaturesMode) -> bool:
    """Whether the batch is brought to its end; False where it is said to be misconfigured."""
    misconfigured = ""
    try:
        publisher, letters, answer = run(monkeypatch, records, mode)
    except Misconfigured as error:
        misconfigured = str(error)
    if misconfigured:
        # Said of one of the records, and rightly: Lambda halves the batch down to it
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
    """The one record of a batch that cannot be handled, kept in the corpus."""
    for record in records:
        try:
            check(monkeypatch, [record], mode)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what was looked for
            return keep(f"{type(error).__name__.lower()}-{crc32(repr(record).encode(errors='replace')):08x}", record)
    raise AssertionError("only the batch as a whole cannot be handled")


def test_handler__brings_every_record_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivered, skipped, dead-lettered or misconfigured, and no other exception, for every generated record."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    ended = 0
    for number in range(0, RECORDS, BATCH):
        records = [to_bad_record(random, number + position) for position in range(BATCH)]
        mode: FeaturesMode = "changed" if random.random() < 0.5 else "all"
        try:
            ended += check(monkeypatch, records, mode)
            if number % (10 * BATCH) == 0:
                ended += sum(check(monkeypatch, [record], mode) for record in records)
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {find_culprit(monkeypatch, records, mode)}") from error
    assert ended > RECORDS // BATCH // 2  # most batches hold nothing that is misconfigured
    report("input", f"{RECORDS:,} generated records: no exception but the three")


def test_read_change__says_change_skip_or_poison() -> None:
    """Anything at all is a change, a skip, or one of two errors."""
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
def test_read_entity_features__reads_at_once_what_it_reads_part_by_part(mode: FeaturesMode) -> None:
    """The quick way of most items gives what the careful way gives, for every generated record."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    read_at_once = 0
    for number in range(RECORDS // 4):
        with contextlib.suppress(FeatureEventsError):
            change = read_change(to_bad_record(random, number))
            if isinstance(change, Change):
                found = [outcome_of(read, change, mode) for read in (read_entity_features, read_part_by_part)]
                assert found[0] == found[1]
                read_at_once += isinstance(found[0], EntityFeatures)
    assert read_at_once > RECORDS // 40


def read_part_by_part(change: Change, layouts: TableLayouts, mode: FeaturesMode) -> EntityFeatures | Skipped:
    """The careful way."""
    return _read_part_by_part(change, layouts.fit(change.source_arn, tuple(change.keys)).layouts, mode)


def outcome_of(
    read: Callable[[Change, TableLayouts, FeaturesMode], EntityFeatures | Skipped], change: Change, mode: FeaturesMode
) -> object:
    """What this way of reading gives, or the error that it raises."""
    try:
        return read(change, to_layouts(), mode)
    except FeatureEventsError as error:
        return type(error), str(error)


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.json")), ids=lambda file: file.stem)
@pytest.mark.parametrize("mode", ["all", "changed"])
def test_handler__brings_what_was_found_to_an_end(
    monkeypatch: pytest.MonkeyPatch, file: Path, mode: FeaturesMode
) -> None:
    """Each case of the corpus stays fixed."""
    check(monkeypatch, [json.loads(file.read_text())], mode)
