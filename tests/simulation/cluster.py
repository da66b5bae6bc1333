"""The interface of a Kafka cluster in simulations: the model, or mock brokers with real producers."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol
from unittest.mock import patch

from feature_events import metrics
from feature_events.kafka import producer as producer_module
from feature_events.kafka import publisher as publisher_module
from feature_events.logs import logger
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


@contextmanager
def connect(kafka: Kafka, *replacements: tuple[object, str, object]) -> Iterator[None]:
    """Connect the real code to a cluster within the context, with these replacements and almost without output.

    Args:
        kafka: the cluster.
        replacements: other attributes to replace, each as its module, name and value.

    """
    with ExitStack() as stack:
        for module, name, value in (
            (producer_module, "Producer", kafka.to_producer),
            (producer_module, "close_in_background", lambda _: None),  # which would leak a thread per history
            (publisher_module, "close_in_background", lambda _: None),
            (metrics, "emit", lambda *_: None),
            *replacements,
        ):
            stack.enter_context(patch.object(module, name, value))
        stack.enter_context(silence())
        yield


@contextmanager
def silence() -> Iterator[None]:
    """Log only critical messages within the context."""
    level = logger.log_level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
