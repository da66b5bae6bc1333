"""The line between doubles."""

from feature_events.events.codec import SHIPPED_SCHEMA, Codec, Schema
from feature_events.events.event import FeaturesMode
from feature_events.events.message import HeadersMode
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.layouts.table_layout import SEED
from feature_events.pipeline import DeadLetterStore, MessagePublisher, Pipeline
from tests.support.doubles import FakeClock

CODEC = Codec(Schema(7, SHIPPED_SCHEMA))


def to_pipeline(
    publisher: MessagePublisher,
    dead_letters: DeadLetterStore,
    *,
    features_mode: FeaturesMode = "all",
    headers: HeadersMode = "cloudevents",
    limit: int = 100,
) -> Pipeline:
    """The line under the default layout, with a clock that stands."""
    clock = FakeClock(1760100000.0)
    return Pipeline(SEED, features_mode, headers, CODEC, publisher, dead_letters, DeadLetterLimit(limit), clock)
