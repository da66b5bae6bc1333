"""Pipelines and encoders of tests."""

from collections.abc import Mapping
from typing import Any

from feature_events.encoder import Encoded, Encoder
from feature_events.events.codec import Codec
from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.pipeline import Pipeline
from feature_events.records.change import Change, Item, read_change, read_scanned_item
from feature_events.records.stream_record import StreamRecord
from tests.support.backfills import ANNOUNCEMENT, KEY_NAMES, STARTED_MS, TABLE_ARN
from tests.support.doubles import FakeClock
from tests.support.layouts import to_layouts

PREFIX = to_confluent_prefix(7)
CODEC = Codec(SHIPPED_SCHEMA)


def encode(record: StreamRecord, **parts: Any) -> Encoded:  # noqa: ANN401  # an Encoder's fields
    """Encode a record that produces an event, by default under the default layout."""
    change = read_change(record, skips_removes=False)
    assert isinstance(change, Change)
    return _encode(change, parts)


def encode_scanned(item: Item, **parts: Any) -> Encoded:  # noqa: ANN401  # an Encoder's fields
    """Encode a scanned item that produces an event."""
    return _encode(read_scanned_item(item, TABLE_ARN, KEY_NAMES, STARTED_MS, ANNOUNCEMENT), parts)


def _encode(change: Change, parts: Mapping[str, Any]) -> Encoded:
    encoded = Encoder(to_layouts(), "all", PREFIX, CODEC)._replace(**parts).encode(change)
    assert isinstance(encoded, Encoded)
    return encoded


def to_pipeline(
    publisher: Publisher,
    dead_letters: DeadLetters,
    *,
    features_mode: FeaturesMode = "all",
    limit: int = 100,
) -> Pipeline:
    """Return a pipeline with the default layout and a stopped clock."""
    clock = FakeClock(1760100000.0)
    encoder = Encoder(to_layouts(), features_mode, PREFIX, CODEC)
    return Pipeline(encoder, publisher, dead_letters, DeadLetterLimit(limit), clock)


def with_encoder(pipeline: Pipeline, **parts: Any) -> Pipeline:  # noqa: ANN401  # an Encoder's fields
    """Return the pipeline with other parts of its encoder."""
    return pipeline._replace(encoder=pipeline.encoder._replace(**parts))
