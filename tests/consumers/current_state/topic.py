"""A topic in memory, with a consumer that reads it."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from confluent_kafka import TIMESTAMP_CREATE_TIME

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
NUMBERS = (
    "100000000000000000001",  # 21 digits, like the next one; a double cannot distinguish them
    "100000000000000000002",
    "99999999999999999999999",  # as text, it would be later than the next one
    "1000000000000000000000000000000000000000",  # 40 digits
)


class Event(NamedTuple):
    """An event in a topic."""

    source: str
    entity_id: str
    event_type: str
    features: tuple[str, ...]
    timestamp_ms: int
    sequence: str | None
    partition: int = 0
    offset: int = 0

    @property
    def item(self) -> tuple[str, str]:
        """The table and the entity. All events have the same entity type and resource."""
        return self.source, self.entity_id


def to_event(
    event_type: str = "feature_available",
    features: Sequence[str] = ("a", "b"),
    *,
    at: int = 1000,
    sequence: str | None = NUMBERS[0],
    source: str = f"{TABLE}users",
) -> Event:
    """Return an event about one entity."""
    return Event(source, "user-1", event_type, tuple(features), at, sequence)


def remove(features: Sequence[str] = (), **parts: Any) -> Event:  # noqa: ANN401  # an event's fields
    """Return a removal."""
    return to_event("feature_unavailable", features, **parts)


class Topic:
    """A topic in memory, and the consumer that reads it.

    Args:
        choose: chooses the partition of the next message from those with unread messages.

    """

    def __init__(self, choose: Callable[[list[int]], int] = min) -> None:
        self._choose = choose
        self.events: list[list[Event]] = []
        self.first: dict[int, int] = {}
        """The first offset of each partition. Earlier messages are deleted."""
        self.positions: dict[int, int] = {}
        self.kind = TIMESTAMP_CREATE_TIME
        self.limit = 3
        self.errors: list[Any] = []

    def write(self, *events: Event, partition: int = 0) -> None:
        """Append events to a partition."""
        while len(self.events) <= partition:
            self.events.append([])
        for each in events:
            self.events[partition].append(each._replace(partition=partition, offset=len(self.events[partition])))

    @property
    def all_events(self) -> list[Event]:
        """The events of all partitions."""
        return [event for partition in self.events for event in partition]

    def list_topics(self, _topic: str, *, timeout: float) -> Any:  # noqa: ANN401  # like confluent-kafka
        """Return the topic's partitions."""
        assert timeout
        return SimpleNamespace(topics={"events": SimpleNamespace(partitions=dict.fromkeys(range(len(self.events))))})

    def get_watermark_offsets(self, partition: Any, *, timeout: float) -> tuple[int, int]:  # noqa: ANN401
        """Return the first offset and the next one."""
        assert timeout
        return self.first.get(partition.partition, 0), len(self.events[partition.partition])

    def assign(self, partitions: list[Any]) -> None:
        """Set the offset to continue from in each partition."""
        self.positions = {each.partition: each.offset for each in partitions}

    def consume(self, number: int, *, timeout: float) -> list[Any]:
        """Return some of the next messages."""
        assert timeout
        found: list[Any] = self.errors
        while len(found) < min(number, self.limit) and (unread := self.find_unread()):
            partition = self._choose(unread)
            found.append(self._to_message(self.events[partition][self.positions[partition]]))
            self.positions[partition] += 1
        self.errors = []
        return found

    def find_unread(self) -> list[int]:
        """Return the assigned partitions with unread messages."""
        return [number for number, offset in self.positions.items() if offset < len(self.events[number])]

    def _to_message(self, event: Event) -> Any:  # noqa: ANN401  # like a Message
        value = {
            "event_type": event.event_type,
            "entity_type": "user",
            "entity_id": event.entity_id,
            "resource_name": "scores",
            "features": list(event.features),
        }
        headers = [("ce_source", event.source.encode())] if event.source else []
        if event.sequence is not None:
            headers.append(("ce_sequence", event.sequence.encode()))
        parts = {
            "value": value,
            "headers": headers,
            "timestamp": (self.kind, event.timestamp_ms),
            "topic": "events",
            "partition": event.partition,
            "offset": event.offset,
            "error": None,
        }
        return SimpleNamespace(**{name: lambda part=part: part for name, part in parts.items()})
