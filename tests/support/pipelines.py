"""The pipeline between doubles."""

from feature_events.events.codec import Codec
from feature_events.events.message import to_confluent_prefix
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.pipeline import DeadLetterStore, MessagePublisher, Pipeline
from tests.support.doubles import FakeClock
from tests.support.layouts import to_layouts

PREFIX = to_confluent_prefix(7)
CODEC = Codec(SHIPPED_SCHEMA)


def to_pipeline(
    publisher: MessagePublisher,
    dead_letters: DeadLetterStore,
    *,
    features_mode: FeaturesMode = "all",
    limit: int = 100,
) -> Pipeline:
    """The pipeline under the default layout, with a clock that stands."""
    clock = FakeClock(1760100000.0)
    letters_left = DeadLetterLimit(limit)
    return Pipeline(to_layouts(), features_mode, PREFIX, CODEC, publisher, dead_letters, letters_left, clock)
