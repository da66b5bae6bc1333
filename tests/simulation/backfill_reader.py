"""Read the topic of a simulated backfill, and compare it with the table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.records.change import Item
from tests.support.avro import read_avro
from tests.support.modelled_kafka import Written
from tests.support.pipelines import PREFIX

_AVRO = read_avro(SHIPPED_SCHEMA)
_CLOCK_SKEW_MS = 1_000


class BackfillReader:
    """A reader of the topic, and the invariants that are broken in it.

    Args:
        logs: the messages of each partition.
        items: the items of the table.

    """

    def __init__(self, logs: Sequence[Sequence[Written]], items: Mapping[str, Item]) -> None:
        self.hot: set[str] = set()
        """The entities that were written between any two steps of a worker."""
        self.broken: dict[str, str] = {}
        """What was found for each broken invariant."""
        self._logs = logs
        self._items = items
        self._ids = set[bytes]()
        """The ids of all backfilled events."""
        self._time_ms = 0
        """The timestamp that the messages of the current run must have."""
        self._begin: Sequence[int] = []
        """The end of each log when the current invocation began."""
        self._changes = Counter[str]()
        """The changes of each entity since then."""
        self._awaited: set[str] = set()
        """The entities that the current run has yet to announce."""

    def note(self, invariant: str, found: str) -> None:
        """Note that an invariant is broken."""
        self.broken.setdefault(invariant, found)

    def start_run(self, started_ms: int) -> None:
        """Expect that a run announces every item."""
        self._time_ms = started_ms - started_ms % 1_000 - _CLOCK_SKEW_MS
        self._awaited = {_to_entity(item) for item in self._items.values() if read_features(item)}

    def begin_invocation(self) -> None:
        """Expect the events of one worker."""
        self._begin = [len(log) for log in self._logs]
        self._changes.clear()

    def count_change(self, entity: str, *, has_event: bool) -> None:
        """Count a write that changes an item's event."""
        self._changes[entity] += 1
        if not has_event:
            self._awaited.discard(entity)

    def end_invocation(self, *, is_complete: bool) -> None:
        """Check the events of one worker, and those of its run if that is complete."""
        new = chain.from_iterable(log[begin:] for log, begin in zip(self._logs, self._begin, strict=True))
        backfilled = [message for message in new if "ce_backfill" in dict(message.headers)]
        for message in backfilled:
            own_id = dict(message.headers)["ce_id"]
            if own_id in self._ids:
                self.note("I18", f"{message.key!r} has an event with the id {own_id!r} again")
            self._ids.add(own_id)
            if message.timestamp_ms != self._time_ms:
                self.note("I13", f"{message.key!r} has {message.timestamp_ms} instead of {self._time_ms}")
        for entity, count in Counter(message.key.decode() for message in backfilled).items():
            self._awaited.discard(entity)
            if count > 1 + self._changes[entity]:
                self.note("I15", f"{entity} has {count} events for {self._changes[entity]} changes")
        if is_complete and self._awaited:
            self.note("I17", f"{sorted(self._awaited)} have no event of this run")

    def check_states(self) -> None:
        """Check that each kind of consumer has the current state of every item.

        If an item keeps changing, its last event may be a backfilled one. Then only the state rule finds the current
        event.
        """
        events: dict[str, list[Written]] = {}
        for message in chain.from_iterable(self._logs):
            events.setdefault(message.key.decode(), []).append(message)
        for item in filter(read_features, self._items.values()):
            found = events.get(_to_entity(item), [])
            if _to_entity(item) in self.hot:
                self._check_state("I12", item, sorted(found, key=_to_order))
            else:
                self._check_state("I12", item, found)
                self._check_state("I14", item, _drop_duplicates(found))

    def _check_state(self, invariant: str, item: Item, events: Sequence[Written]) -> None:
        """Check that the last event has the item's features."""
        announced = sorted(_AVRO.read(events[-1].value[len(PREFIX) :])["features"]) if events else "no event"
        if announced != read_features(item):
            self.note(invariant, f"{_to_entity(item)} is {read_features(item)}, and its last event has {announced}")


def read_features(item: Item) -> Sequence[str]:
    """Return the names of an item's features in order."""
    return sorted(item["features"]["M"]["data"]["M"]) if "features" in item else []


def _drop_duplicates(events: Sequence[Written]) -> Sequence[Written]:
    """Return the first event of each id."""
    firsts: dict[bytes, Written] = {}
    for event in events:
        firsts.setdefault(dict(event.headers)["ce_id"], event)
    return list(firsts.values())


def _to_entity(item: Item) -> str:
    return str(item["bright_uid"]["S"])


def _to_order(message: Written) -> tuple[int, int]:
    """Return a message's place in the order of the state rule. Sorting keeps the order of offsets."""
    return message.timestamp_ms, int(dict(message.headers).get("ce_sequence", -1))
