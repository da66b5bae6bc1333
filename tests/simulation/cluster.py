"""The interface of a Kafka cluster in simulations: the model, or mock brokers with real producers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from tests.support.modelled_kafka import Fate, Written


class Fates(Protocol):
    """The fates of the next batches."""

    def extend(self, fates: Iterable[Fate], /) -> object:
        """Add fates."""
        ...

    def clear(self) -> None:
        """Remove all fates."""
        ...


class Kafka(Protocol):
    """A Kafka cluster in simulations."""

    acknowledged: list[Written]
    produced: list[Written]
    reachable: bool

    @property
    def logs(self) -> Sequence[Sequence[Written]]:
        """The messages in each partition."""
        ...

    @property
    def fates(self) -> Fates:
        """The fates of the next batches."""
        ...

    @property
    def pending(self) -> Sequence[object]:
        """The messages that existing producers would still send."""
        ...

    @property
    def to_producer(self) -> Callable[[Mapping[str, Any]], object]:
        """The replacement for `confluent_kafka.Producer`."""
        ...

    def catch_up(self) -> None:
        """Write the batches that are in flight."""
        ...

    def thaw(self) -> None:
        """Send the pending messages."""
        ...
