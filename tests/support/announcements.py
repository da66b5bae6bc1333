"""Announcements of pages between fakes."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from feature_events.backfills.announcement import Announcer, PageCounts
from feature_events.backfills.plan import Plan
from feature_events.deadline import Deadline
from feature_events.events.codec import Codec
from feature_events.events.message import Message
from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro
from tests.support.backfills import MemoryTable, to_plan
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import CODEC, PREFIX, to_pipeline, with_encoder

AVRO = read_avro(SHIPPED_SCHEMA)


class Announcement:
    """An announcer between fakes."""

    def __init__(
        self,
        *items: Any,  # noqa: ANN401  # an item
        plan: Plan | None = None,
        codec: Codec = CODEC,
        attempt: int = 1,
    ) -> None:
        self.table = MemoryTable(*items)
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.letters = FakeDeadLetters()
        self.clock = FakeClock()
        pipeline = with_encoder(to_pipeline(self.publisher, self.letters), codec=codec)
        self.announcer = Announcer(plan or to_plan(), pipeline, self.table, 20.0, f"{attempt}/request")

    def announce(self) -> PageCounts:
        """Announce all current items."""
        announced = self.announcer.announce(list(self.table.items.values()), Deadline(60.0, self.clock))
        assert self.letters.letters == []
        return announced

    @property
    def events(self) -> Sequence[Any]:
        """The events in the topic."""
        return [read_event(message) for message in self.publisher.log]

    @property
    def features(self) -> Sequence[Sequence[str]]:
        """The feature names of each event."""
        return [event["features"] for event in self.events]


def read_event(message: Message) -> Any:  # noqa: ANN401  # the fields of the schema
    """Decode the event in a message."""
    assert message.value.startswith(PREFIX)
    return AVRO.read(message.value[len(PREFIX) :])


def announced(delivered: int, again: int = 0, **skipped: int) -> PageCounts:
    """Return the counts of a page without poison."""
    return PageCounts(delivered, again, Counter(skipped), Counter(), Counter(), 0, Counter())
