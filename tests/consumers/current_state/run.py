"""Run the example on a topic in memory."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.consumers.current_state.topic import Topic


class Run:
    """The example on a topic in memory, with its state in memory."""

    def __init__(self, modules: SimpleNamespace, topic: Topic, per_feature: Sequence[str] = ()) -> None:
        self._modules = modules
        self._per_feature = per_feature
        self.topic = topic
        self.database = sqlite3.connect(":memory:")
        self.restart()

    def restart(self) -> None:
        """Begin again with the stored state."""
        self.state = self._modules.state.ItemState(self.database, self._per_feature)
        self.reader = self._modules.program.Reader(self.topic, lambda value, _: value, "events", self.state)
        self.reader.assign()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def crash(self) -> None:
        """Restart after a crash within the transaction of the next batch."""
        messages = self.topic.consume(3, timeout=1.0)
        readings = [self._modules.program.read_message(lambda value, _: value, each) for each in messages]

        def interrupt() -> Iterator[Any]:
            yield from filter(None, readings)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.state.store(interrupt(), {each.partition(): each.offset() + 1 for each in messages})
        self.restart()

    def drain(self) -> None:
        """Read all messages, also those of partitions that were added."""
        self.reader.assign()
        while self.topic.find_unread():
            self.reader.read()

    def read_state(self) -> dict[tuple[str, str], set[str]]:
        """Return the available features of each item with any."""
        items = {event.item for event in self.topic.all_events}
        found = {
            item: self.state.read_features(self._modules.state.Item(item[0], "user", item[1], "scores"))
            for item in items
        }
        assert all(len(set(features)) == len(features) for features in found.values())
        return {item: set(features) for item, features in found.items() if features}


type Start = Callable[..., Run]
