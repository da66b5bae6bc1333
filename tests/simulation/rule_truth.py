"""What a consumer of the topic must know about a table, computed from the writes to it and not from the code.

An item's state is checked if the newest change that announces it is in the topic. Otherwise that change must be in the
stream or in the failure bucket, or a backfill must have replaced it.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from tests.simulation.state_reader import Event, State

type Features = Mapping[str, int]
"""The value of each feature of an item."""

UNREADABLE: Features = {"unreadable": -1}
"""The features of an item that no event can describe."""
REMOVAL = ("removal",)
"""What a change announces that removes the features of an item."""
_REPAIR_SECONDS = 3.0
"""A backfill that starts this long after an item's last event in the topic replaces that event."""


class Current(NamedTuple):
    """The item that the table contains now."""

    features: Features
    compute_id: str
    timestamp: str


class Announced(NamedTuple):
    """A change that an event announces."""

    number: int
    event_id: str
    names: tuple[str, ...]
    """The features that the event names, or REMOVAL."""
    is_lost: bool
    """True if the stream does not contain the change."""
    is_poison: bool
    """True if no event can describe the item."""


class Reading(NamedTuple):
    """The last time that a backfill read an item."""

    started: float
    """When the backfill started, on the clock of the stream."""
    message_ms: int
    """The message timestamp of the backfill's events."""
    number: int
    """The number of the change that wrote what it read."""
    is_reliable: bool
    """True if the run is complete, and the last event about each item has what was read."""


def find_names(old: Features, new: Features, *, only_changed: bool, with_removals: bool) -> tuple[str, ...]:
    """Return the features that an event of this change names; REMOVAL if it removes them; empty without an event."""
    if not new:
        return REMOVAL if old and with_removals else ()
    if only_changed and UNREADABLE not in (old, new):
        return tuple(name for name, value in new.items() if old.get(name) != value)
    return tuple(new)


class ItemTruth:
    """The changes of one item that events announce, since its table was created."""

    def __init__(self) -> None:
        self.current: Current | None = None
        self.former: Current | None = None
        """The item before its last change."""
        self.changes: list[Announced] = []
        self._written: list[tuple[int, str]] = []
        """The number of each change, and the compute id that it wrote."""
        self.seconds: list[float] = []
        """The stream times of the item's changes in the stream, in all tables of this name."""

    def restart(self) -> None:
        """Forget everything about a table that was deleted, except when its changes were."""
        self.current = self.former = None
        self.changes.clear()
        self._written.clear()

    def write(self, new: Current | None, number: int) -> None:
        """Replace the current item."""
        self.former, self.current = self.current, new
        self._written.append((number, new.compute_id if new else ""))

    def find_wrong(self, state: State, unit: tuple[str, ...], where: "Whereabouts", *, only_changed: bool) -> str:
        """Return how a consumer's state differs from the item, or an empty text."""
        if not self.changes:
            return ""  # no event was ever due, for example because the table was deleted
        features = self.current.features if self.current else {}
        if not only_changed or not features:
            newest = self.changes[-1]
            if (newest.names == REMOVAL) == bool(features):
                return ""  # the removal of the item was not announced, by setting
            wrong = self._find_wrong_item(state.find_item(unit))
            if only_changed and not wrong:
                wrong = ", ".join(state.find_features(unit))
            return self._explain(newest, wrong, where)
        found = state.find_features(unit)
        for name in features:
            newest = next(each for each in reversed(self.changes) if name in each.names or each.is_poison)
            compute_id = found[name].compute_id if name in found else "not available"
            is_right = compute_id in [written for number, written in self._written if number >= newest.number]
            if wrong := self._explain(newest, "" if is_right else f"{name}: {compute_id}", where):
                return wrong
        return ""

    def _find_wrong_item(self, event: Event | None) -> str:
        """Return how an item's event differs from the item."""
        # DynamoDB returns the members of a map in any order
        found = None if event is None else (sorted(event.features), event.compute_id, event.timestamp)
        expected = None
        if self.current is not None and self.current.features:
            expected = sorted(self.current.features), self.current.compute_id, self.current.timestamp
        return "" if found == expected else f"{found} instead of {expected}"

    def _explain(self, newest: Announced, wrong: str, where: "Whereabouts") -> str:
        """Return what is wrong, unless the newest change did not have to arrive yet."""
        if newest.is_poison:
            return ""
        if newest.is_lost:
            return wrong if self._is_repaired(newest, where) else ""
        if newest.event_id in where.in_topic:
            return wrong
        return "" if newest.event_id in where.outstanding() else f"{newest} is lost"

    def _is_repaired(self, newest: Announced, where: "Whereabouts") -> bool:
        """Return whether backfills have replaced the event of a lost change."""
        if self.current is None or not self.current.features or not where.readings:
            return False  # a backfill announces no removals
        latest = max(each.message_ms for each in where.readings)
        return all(
            each.is_reliable
            and each.number >= newest.number
            and all(seconds <= each.started - _REPAIR_SECONDS for seconds in self.seconds)
            for each in where.readings
            if each.message_ms == latest
        )


class Whereabouts(NamedTuple):
    """Where the changes of an item are."""

    in_topic: Collection[str]
    """The ids of all events in the topic."""
    outstanding: Callable[[], Collection[str]]
    """Returns the ids of the changes in the stream, and of those in the failure bucket that a redrive may send."""
    readings: Collection[Reading]
    """The last reading of each backfill that has read the item."""
