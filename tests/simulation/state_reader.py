"""A consumer that applies the state rule to a topic, as docs/consuming.md describes it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from feature_events.events.schema import SHIPPED_SCHEMA
from tests.support.avro import read_avro
from tests.support.modelled_kafka import Written
from tests.support.pipelines import PREFIX

AVAILABLE, UNAVAILABLE = "feature_available", "feature_unavailable"
_AVRO = read_avro(SHIPPED_SCHEMA)


class Event(NamedTuple):
    """What the rule needs of one event."""

    item: tuple[str, ...]
    """Source, entity type, entity id and resource name."""
    event_id: str
    event_type: str
    timestamp_ms: int
    """The timestamp of the Kafka message."""
    sequence: str | None
    offset: int
    features: tuple[str, ...] = ()
    compute_id: str = ""
    timestamp: str = ""
    """The item's own time."""


def read_event(message: Written, offset: int) -> Event:
    """Decode a message."""
    headers = dict(message.headers)
    sequence = headers.get("ce_sequence")
    value = _AVRO.read(message.value[len(PREFIX) :])
    return Event(
        (headers["ce_source"].decode(), value["entity_type"], value["entity_id"], value["resource_name"]),
        value["event_id"],
        value["event_type"],
        message.timestamp_ms,
        None if sequence is None else sequence.decode(),
        offset,
        tuple(value["features"]),
        value["compute_id"],
        value["timestamp"],
    )


type Position = tuple[int | str, float | str, int]


def to_position(event: Event) -> Position:
    """Return an event's position in the order of the state rule. Of two events, the higher position is current."""
    return event.timestamp_ms, -1 if event.sequence is None else int(event.sequence), event.offset


class State:
    """The newest event about each item, and about each feature of an item.

    With `FEATURES_MODE=changed` a feature is available if its newest event is newer than the item's newest removal.
    """

    def __init__(self) -> None:
        self.newest: dict[tuple[str, ...], Event] = {}
        """By item; with one feature per item, by item and feature."""
        self._removals: dict[tuple[str, ...], Event] = {}
        self.features: dict[tuple[str, ...], dict[str, Event]] = {}
        """The newest event that names each feature, by item."""

    def apply(self, event: Event, unit: tuple[str, ...]) -> None:
        """Apply one event about this unit, an item or one feature of it."""
        _keep_newer(self.newest, unit, event)
        if event.event_type == UNAVAILABLE:
            _keep_newer(self._removals, unit, event)
        else:
            for name in event.features:
                _keep_newer(self.features.setdefault(unit, {}), name, event)

    def find_item(self, unit: tuple[str, ...]) -> Event | None:
        """Return the event that describes an item now, or None if it is not available."""
        event = self.newest.get(unit)
        return event if event is not None and event.event_type == AVAILABLE else None

    def find_features(self, unit: tuple[str, ...]) -> dict[str, Event]:
        """Return the event that describes each available feature of an item now."""
        removal = self._removals.get(unit)
        features = self.features.get(unit, {})
        return {
            name: event
            for name, event in features.items()
            if removal is None or to_position(event) > to_position(removal)
        }


class Reader:
    """A consumer of a topic.

    Args:
        to_unit: returns what an event is about: its item, or with one feature per item also the feature.
        drops_duplicates: whether it skips events with an id that it has seen.

    """

    def __init__(self, to_unit: Callable[[Event], tuple[str, ...]], *, drops_duplicates: bool) -> None:
        self.state = State()
        self.seen: set[str] = set()
        self._to_unit = to_unit
        self._drops_duplicates = drops_duplicates

    def read(self, events: Sequence[Event]) -> None:
        """Read events, in the order of their offsets within a partition."""
        for event in events:
            if event.event_id not in self.seen or not self._drops_duplicates:
                self.state.apply(event, self._to_unit(event))
            self.seen.add(event.event_id)


def _keep_newer[K](kept: dict[K, Event], key: K, event: Event) -> None:
    if key not in kept or to_position(event) > to_position(kept[key]):
        kept[key] = event
