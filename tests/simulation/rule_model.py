"""A model of the state rule with plain values: which events can exist, and in which order.

It assumes less than the functions guarantee: live events arrive in any order, duplicates at any time, and a backfill
sends what it has read at any later time, without reading again.
"""

from random import Random

from tests.simulation.state_reader import AVAILABLE, UNAVAILABLE, Event, Reader

SKEWS_MS = (-999, -500, 0, 500, 999)
"""How far the clock of the backfill is ahead of that of the stream, in milliseconds."""

_ITEMS = (("table", "user", "1", "daily"), ("table", "user", "1", "weekly"))
_STEPS_MS = (0, 1, 10, 300, 700, 1000, 2500)
_FIRST_NUMBERS = (10**20, 10**21 - 3, 10**30, 10**39)
_DROP_MS = 3_000
"""The least time between the last write to a table and the first one to a new table with its name."""
_MAX_RUNS = 2


class Model:
    """A table, and the events about it."""

    def __init__(self, random: Random, skew_ms: int) -> None:
        self._random = random
        self._skew_ms = skew_ms
        self._now_ms = 1_760_100_000_000 + random.randrange(1_000)
        self._number = random.choice(_FIRST_NUMBERS)
        self._versions = 0
        self._table: dict[tuple[str, ...], str] = {}
        """The version of each item that exists."""
        self._runs: list[int] = []
        """The message timestamps of the backfills."""
        self._unsent: list[Event] = []
        self.topic: list[Event] = []

    def run(self, steps: int) -> None:
        """Take some steps, and then send all events."""
        moves = (self._write, self._write, self._remove, self._start, self._read, self._read, self._send, self._repeat)
        for _ in range(steps):
            self._now_ms += self._random.choice(_STEPS_MS)
            self._random.choice((*moves, self._send))()
            if self._random.random() < 1 / 20:
                self._recreate()
        self._random.shuffle(self._unsent)
        self.topic += self._unsent

    def find_wrong(self) -> list[str]:
        """Return the items whose state in a consumer is another than in the table."""
        reader = Reader(lambda event: event.item, drops_duplicates=False)
        reader.read([event._replace(offset=offset) for offset, event in enumerate(self.topic)])
        found = {item: reader.state.find_item(item) for item in _ITEMS}
        versions = {item: event.compute_id for item, event in found.items() if event is not None}
        return [] if versions == self._table else [f"{versions} instead of {self._table}"]

    def _write(self) -> None:
        item = self._random.choice(_ITEMS)
        self._versions += 1
        self._table[item] = f"version {self._versions}"
        self._unsent.append(self._to_live(item, AVAILABLE))

    def _remove(self) -> None:
        item = self._random.choice(_ITEMS)
        if self._table.pop(item, None):
            self._unsent.append(self._to_live(item, UNAVAILABLE))

    def _to_live(self, item: tuple[str, ...], kind: str) -> Event:
        self._number += 1
        stream_ms = self._now_ms // 1000 * 1000
        version = self._table.get(item, "")
        return Event(item, str(self._number), kind, stream_ms, str(self._number), 0, compute_id=version)

    def _start(self) -> None:
        if len(self._runs) < _MAX_RUNS:
            self._runs.append((self._now_ms + self._skew_ms) // 1000 * 1000 - 1000)

    def _read(self) -> None:
        """Read an item, as one of the backfills."""
        item = self._random.choice(_ITEMS)
        if self._runs and item in self._table:
            event_id, timestamp_ms = f"backfill {len(self._unsent)}", self._random.choice(self._runs)
            self._unsent.append(Event(item, event_id, AVAILABLE, timestamp_ms, None, 0, compute_id=self._table[item]))

    def _send(self) -> None:
        if self._unsent:
            self.topic.append(self._unsent.pop(self._random.randrange(len(self._unsent))))

    def _repeat(self) -> None:
        if self.topic:
            self.topic.append(self._random.choice(self.topic))

    def _recreate(self) -> None:
        """Delete all items, and continue in a new table with the same name and other sequence numbers."""
        for item in list(self._table):
            del self._table[item]
            self._unsent.append(self._to_live(item, UNAVAILABLE))
        self._number = self._random.choice(_FIRST_NUMBERS)
        self._now_ms += _DROP_MS


def find_violations(histories: int, skew_ms: int, seed: int, steps: int = 14) -> list[str]:
    """Return what is wrong in this number of random histories."""
    random = Random(seed)  # noqa: S311  # not for security
    found: list[str] = []
    for _ in range(histories):
        model = Model(random, skew_ms)
        model.run(steps)
        found += model.find_wrong()
    return found
