"""What the world needs of a Kafka cluster: the model has it, and mock brokers with real producers have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from tests.support.modelled_kafka import Fate, Written


class Fates(Protocol):
    """Fates to come."""

    def extend(self, fates: Iterable[Fate], /) -> object:
        """Adds some."""
        ...

    def clear(self) -> None:
        """Ends them."""
        ...


class Kafka(Protocol):
    """What the world needs of a cluster: the model, or a real producer on sockets."""

    acknowledged: list[Written]
    produced: list[Written]
    reachable: bool

    @property
    def logs(self) -> Sequence[Sequence[Written]]:
        """What is in each partition."""
        ...

    @property
    def fates(self) -> Fates:
        """Of the next batches."""
        ...

    @property
    def pending(self) -> Sequence[object]:
        """What living producers hold and would send some time."""
        ...

    @property
    def to_producer(self) -> Callable[[Mapping[str, Any]], object]:
        """What stands in for `confluent_kafka.Producer`."""
        ...

    def catch_up(self) -> None:
        """Brings what is on the wire to the brokers."""
        ...

    def thaw(self) -> None:
        """Lets living producers send what they hold."""
        ...
