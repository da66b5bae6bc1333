"""Compare the received events with the expected events, and measure how long they took."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from local.demo.events import ReceivedEvent
from local.demo.feature_writes import ExpectedEvent, Subject


class Arrivals:
    """The events received so far, without their duplicates, and the latency of each."""

    def __init__(self, sent: Mapping[Subject, Sequence[float]]) -> None:
        self.events: list[ReceivedEvent] = []
        self.duplicates: list[ReceivedEvent] = []
        self.latencies: list[float] = []
        self._sent = sent
        self._ids: set[str] = set()
        self._count: defaultdict[Subject, int] = defaultdict(int)

    def add(self, event: ReceivedEvent) -> float | None:
        """Add one event, and return the milliseconds since its write, or None for a duplicate or an unexpected event.

        A subject's events arrive in the order of its writes, so its n-th event belongs to its n-th write.
        """
        if event.event_id in self._ids:
            self.duplicates.append(event)
            return None
        self._ids.add(event.event_id)
        self.events.append(event)
        subject = find_subject(event)
        number = self._count[subject]
        self._count[subject] += 1
        times = self._sent.get(subject, ())
        if number >= len(times):
            return None
        latency = (event.read_at - times[number]) * 1000
        self.latencies.append(latency)
        return latency


class Comparison(NamedTuple):
    """The differences between the received and the expected events."""

    missing: Sequence[ExpectedEvent]
    unexpected: Sequence[ExpectedEvent]

    @property
    def is_equal(self) -> bool:
        """Whether exactly the expected events arrived."""
        return not self.missing and not self.unexpected


def find_subject(event: ReceivedEvent) -> Subject:
    """Return the subject of an event."""
    return Subject(event.entity_type, event.entity_id, event.resource_name)


def compare_events(expected: Sequence[ExpectedEvent], received: Sequence[ReceivedEvent]) -> Comparison:
    """Compare the fields that a write determines. The order of arrival does not matter."""
    wanted = Counter(expected)
    got = Counter(
        ExpectedEvent(
            find_subject(event), event.event_type, event.resource_type, event.compute_id, frozenset(event.features)
        )
        for event in received
    )
    return Comparison(tuple((wanted - got).elements()), tuple((got - wanted).elements()))


def find_percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of the values by the nearest-rank method."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
