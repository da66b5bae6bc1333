"""Track the delivery of messages: waves, delivery reports and outcomes.

A delivery report can arrive after the invocation that sent the message. Each message therefore has its own report.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import accumulate
from typing import override

import confluent_kafka
from confluent_kafka import KafkaError

from feature_events.events.message import Message
from feature_events.logs import logger

type Refuse = Callable[[int, str], bool]
"""Called with the position of a rejected message and the reason; returns True once the message is dead-lettered."""

_NO_REPORT = KafkaError(KafkaError._TIMED_OUT, "no report before the deadline")  # noqa: SLF001  # librdkafka's own code


class Delivery(Enum):
    """The outcome of a message."""

    DELIVERED = "delivered"
    """Acknowledged by all in-sync replicas."""
    REFUSED = "refused"
    """Rejected by Kafka when sent alone, and dead-lettered."""
    UNKNOWN = "unknown"
    """Any other outcome. The message may have been written."""


class DeliveryReport:
    """The delivery report of one message. Its bound method is librdkafka's callback."""

    error: KafkaError | None = _NO_REPORT

    def receive(self, error: KafkaError | None, _: confluent_kafka.Message) -> None:
        """Store the result, as librdkafka's delivery callback."""
        self.error = error


class LoggedDeliveryReport(DeliveryReport):
    """A delivery report that also logs the delivery, at level DEBUG."""

    @override
    def receive(self, error: KafkaError | None, message: confluent_kafka.Message) -> None:
        self.error = error
        if error is None:
            logger.debug(
                "message delivered", topic=message.topic(), partition=message.partition(), offset=message.offset()
            )


def split_into_waves(messages: Sequence[Message], start: int, limit: int) -> Iterator[Sequence[int]]:
    """Split the messages from `start` on into waves, as positions.

    A wave has at most `limit` bytes. A larger message is a wave alone.
    """
    up_to = list(accumulate([message.size for message in messages], initial=0))
    while start < len(messages):
        stop = max(start + 1, bisect_right(up_to, up_to[start] + limit) - 1)
        yield range(start, stop)
        start = stop
