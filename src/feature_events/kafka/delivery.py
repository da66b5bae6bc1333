"""Says what became of a message: what Kafka reported of it, and what that means.

A report can come later than the invocation that asked for it, so each message has one of its own to come to.
"""

from collections.abc import Callable
from enum import Enum
from typing import override

from confluent_kafka import KafkaError
from confluent_kafka import Message as Report

from feature_events.logs import logger

type Refuse = Callable[[int, str], bool]
"""Told of a message that Kafka will never take, by its position and why; answers whether it has been dead-lettered."""

_NO_REPORT = KafkaError(KafkaError._TIMED_OUT, "no report before the deadline")  # noqa: SLF001  # librdkafka's own code


class Delivery(Enum):
    """What became of a message."""

    DELIVERED = "delivered"
    """Acknowledged by all in-sync replicas."""
    REFUSED = "refused"
    """Kafka will never take it; it was tried alone and has been dead-lettered."""
    UNKNOWN = "unknown"
    """Everything else. It may have been written."""


class Outstanding:
    """One message's delivery report; its bound method is the callback, so that a late report finds its own message."""

    error: KafkaError | None = _NO_REPORT

    def report(self, error: KafkaError | None, _: Report) -> None:
        """Takes the report, as librdkafka's delivery callback."""
        self.error = error


class OutstandingLogged(Outstanding):
    """The same, for those who want to see each delivery."""

    @override
    def report(self, error: KafkaError | None, report: Report) -> None:
        self.error = error
        if error is None:
            logger.debug(
                "message delivered", topic=report.topic(), partition=report.partition(), offset=report.offset()
            )
