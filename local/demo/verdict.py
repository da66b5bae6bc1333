"""Whether the events that came are the events that had to come."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from local.demo.events import ReceivedEvent
from local.demo.feature_writes import ExpectedEvent, Subject


class Arrivals:
    """The events that came so far: each once, its repetitions apart, with the wait since its write."""

    def __init__(self, sent: Mapping[Subject, Sequence[float]]) -> None:
        self.events: list[ReceivedEvent] = []
        self.duplicates: list[ReceivedEvent] = []
        self.waits: list[float] = []
        self._sent = sent
        self._ids: set[str] = set()
        self._count: defaultdict[Subject, int] = defaultdict(int)

    def add(self, event: ReceivedEvent) -> float | None:
        """Takes one event; milliseconds since its write, or None for a repetition and for one that nobody wrote.

        A subject's events come in the order of its writes, so its n-th event belongs to its n-th write.
        """
        if event.event_id in self._ids:
            self.duplicates.append(event)
            return None
        self._ids.add(event.event_id)
        self.events.append(event)
        subject = to_subject(event)
        number = self._count[subject]
        self._count[subject] += 1
        times = self._sent.get(subject, ())
        if number >= len(times):
            return None
        wait = (event.read_at - times[number]) * 1000
        self.waits.append(wait)
        return wait


class Verdict(NamedTuple):
    """How the events that came differ from the expected ones."""

    missing: Sequence[ExpectedEvent]
    unexpected: Sequence[ExpectedEvent]

    @property
    def is_good(self) -> bool:
        """Whether exactly the expected events came."""
        return not self.missing and not self.unexpected


def to_subject(event: ReceivedEvent) -> Subject:
    """Whose feature group the event tells of."""
    return Subject(event.entity_type, event.entity_id, event.resource_name)


def to_verdict(expected: Sequence[ExpectedEvent], received: Sequence[ReceivedEvent]) -> Verdict:
    """Compares all that a write decides of its event; the order of arrival does not matter."""
    wanted = Counter(expected)
    got = Counter(
        ExpectedEvent(
            to_subject(event), event.event_type, event.resource_type, event.compute_id, frozenset(event.features)
        )
        for event in received
    )
    return Verdict(tuple((wanted - got).elements()), tuple((got - wanted).elements()))


def to_percentile(values: Sequence[float], percent: int) -> float:
    """The value that this share of the values does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]
