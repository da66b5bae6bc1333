"""Execution environments of the function, connected to the simulated dead-letter store and clock.

Their limits are small, so that short histories reach them.
"""

from typing import override

from feature_events.deadline import Clock, Deadline
from feature_events.encoder import Encoder
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.pipeline import Pipeline
from feature_events.records.stream_record import StreamRecord
from feature_events.settings.settings import Settings
from tests.support.doubles import FakeClock, FakeContext, FakeDeadLetters
from tests.support.pipelines import CODEC, PREFIX

MESSAGE_MAX_BYTES = 13_000
"""The most bytes of a wave. A message of a valid record has about 600 bytes, so a wave contains up to five."""
EVENTS_PER_DEAD_LETTER = 2
"""Fewer than the default."""


class Store(FakeDeadLetters):
    """The dead-letter store; each put takes `seconds`."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.seconds = 0.0

    @override
    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        if not deadline.remaining():
            raise Undelivered("the deadline has passed")
        self._clock.seconds += self.seconds
        if not self.works:
            raise Undelivered("S3 answered SlowDown")
        self.letters.append((record, str(poison)))
        return f"dead-letters/{len(self.letters)}.json"


class Context(FakeContext):
    """Lambda's context on the simulated clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self.end = clock() + seconds

    @override
    def get_remaining_time_in_millis(self) -> int:
        return int((self.end - self._clock()) * 1000)


class Instance:
    """One execution environment: the result of `handler.wire`, and how much of the dead-letter limit is used."""

    def __init__(self, settings: Settings, letters: DeadLetters, clock: Clock) -> None:
        publisher = Publisher(
            settings.topic, {**to_producer_properties(settings), "message.max.bytes": MESSAGE_MAX_BYTES}, log_each=False
        )
        limit = DeadLetterLimit(settings.dead_letter_limit)
        encoder = Encoder(
            TableLayouts(settings.table_layouts), settings.features_mode, PREFIX, CODEC, settings.removals
        )
        pipeline = Pipeline(encoder, publisher, letters, limit, clock)
        self.wired = settings, pipeline
        self.limit = settings.dead_letter_limit
        self.used = 0
        """The used part of the limit, in events: EVENTS_PER_DEAD_LETTER for each dead letter."""
        self.dead_lettered: set[int] = set()
        self.unanswered: set[int] = set()
        """For each failed attempt, the first event without an answer."""

    @property
    def is_at_limit(self) -> bool:
        """True if another dead letter would exceed the limit."""
        return self.used > (self.limit - 1) * EVENTS_PER_DEAD_LETTER
