"""Produces Messages to Kafka and says of each what became of it.

Order is what makes this more than a loop around `produce()`. When a record batch fails for good, or runs out of time,
librdkafka goes on with the batches behind it, so that a newer change of an entity can be written while the older one
is not. Therefore messages go out in *waves*: a wave is smaller than one record batch, so each partition's share of it
is one batch, which Kafka writes wholly or not at all, and the next wave leaves only when the one before has been
answered in full. librdkafka must neither split a batch nor expire a part of it, so it is given no linger, size or
timeout of its own to do so (`producer_properties.FIXED`): `flush()` sends, and `purge()` ends the waiting.

A batch that is retried begins with a *probe*: its first message alone. Lambda retries from the record that was not
acknowledged; while that record's partition has no leader, the retries write nothing of what is behind it again.
"""

import contextlib
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.message import Message
from feature_events.kafka.client_errors import (
    LOST,
    ClientErrors,
    is_refused,
    raise_if_misconfigured,
    read_fatal,
    to_authentication_refusal,
)
from feature_events.kafka.delivery import Delivery, Outstanding, OutstandingLogged, Refuse
from feature_events.kafka.error_table import find_rule
from feature_events.kafka.producer import close_in_background, connect
from feature_events.kafka.producer_properties import FIXED
from feature_events.logs import logger
from feature_events.settings.kafka_properties import Properties

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

# Part of a batch that is kept free, since the estimate must never be below what librdkafka counts
_BATCH_OVERHEAD = 10_000

# Lets the partitioner choose
_ANY_PARTITION = -1

# An environment serves a few shards, each of which is retried from one message
_UNANSWERED_KEPT = 100

# The template of the stack sets neither the time to deliver nor another timeout than 60 s
_LATE = (
    "reduce BatchSize of the attachment, or look for the cause of the brokers' latency; a function made by hand can "
    "raise DELIVERY_TIMEOUT_MS and its timeout"
)

# How long the reports of purged messages may take to come back
_REPORT_SECONDS = 1.0


class Publisher:
    """Produces to one topic. Made once per execution environment; `open()` connects it.

    Args:
        topic: the topic's name.
        properties: librdkafka's, as `to_properties` makes them.
        authentication: how to authenticate; None where Kafka asks nobody.
        log_each: whether to log each delivery, at level DEBUG.

    """

    def __init__(
        self,
        topic: str,
        properties: Properties,
        authentication: "Authentication | None" = None,
        *,
        log_each: bool = False,
    ) -> None:
        self._topic = topic
        self._authentication = authentication
        self._properties = {**properties, **FIXED}
        self._wave_bytes = int(self._properties["message.max.bytes"]) - _BATCH_OVERHEAD
        self._outstanding = OutstandingLogged if log_each else Outstanding
        self._errors = ClientErrors(self._stop_waiting)
        self._producer: Producer | None = None
        self._unanswered: deque[int] = deque(maxlen=_UNANSWERED_KEPT)
        """Hashes of the messages from which Lambda retries: the first that an attempt left without an answer."""

    def open(self, deadline: Deadline) -> Producer:
        """The connected producer, made and its topic found if that has not been done.

        Raises:
            Undelivered: Kafka cannot be reached.
            Misconfigured: librdkafka refuses the properties, or Kafka the authentication or the topic.

        """
        if self._producer is not None and self._authentication is not None and not self._authentication.is_current():
            self._abandon()  # frozen for longer than its token lives
        if self._producer is None:
            self._errors = ClientErrors(self._stop_waiting)
            self._producer = connect(self._properties, self._authentication, self._topic, deadline, self._errors)
            logger.info("producer initialised", topic=self._topic, brokers=self._properties["bootstrap.servers"])
        return self._producer

    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """Produces messages in order and waits for Kafka's answers, at most until the deadline.

        Args:
            messages: in the order in which each entity's are to appear in the topic.
            deadline: when to stop waiting; what is begun before it, a question or a put, can end up to three seconds
                later, and cleaning up takes up to a second more.
            refuse: called with each message that Kafka will never take, before anything behind it in its partition is
                sent; when it answers False nothing more is sent at all.

        Returns:
            What became of each message. When one is UNKNOWN, nothing is on its way from here any more.

        Raises:
            Misconfigured: Kafka refuses every message alike.

        """
        deliveries = [Delivery.UNKNOWN] * len(messages)
        try:
            self._publish_waves(messages, deliveries, deadline, refuse)
        except Undelivered as error:
            logger.error("kafka not reached", reason=str(error))
        except Misconfigured as error:
            if self._errors.refusal is None or self._authentication is None:
                raise
            # A secret can be what has to change, so the next invocation reads it again
            if not self._authentication.forget():
                raise
            logger.error("kafka not reached", reason=str(error), hint="the retry reads the secret, if it was rotated")
        finally:
            if Delivery.UNKNOWN in deliveries:
                self._unanswered.append(hash(messages[deliveries.index(Delivery.UNKNOWN)].value))
                self._abandon()
        if messages and Delivery.UNKNOWN not in deliveries and self._authentication is not None:
            self._authentication.accept()  # a connection alone says nothing of the brokers that have the partitions
        return deliveries

    def _publish_waves(
        self, messages: Sequence[Message], deliveries: list[Delivery], deadline: Deadline, refuse: Refuse
    ) -> None:
        probe = [range(1)] if messages and hash(messages[0].value) in self._unanswered else []
        waves = deque[Sequence[int]]([*probe, *_to_waves(messages, len(probe), self._wave_bytes)])
        while waves and deadline.remaining():
            wave = waves.popleft()
            answers = self._send([messages[position] for position in wave], deadline)
            if len(answers) < len(wave):  # the producer's queue was full
                waves.appendleft(wave[len(answers) :])
            refused, unknown = _settle(wave, answers, deliveries)
            if unknown:
                self._explain(unknown)
                return
            if len(refused) == 1 == len(answers):
                [(position, error)] = refused.items()
                if not refuse(position, error.name()):
                    return
                deliveries[position] = Delivery.REFUSED
            elif refused:
                # A message that is refused fails its whole batch, so none of these was written: try each half, in order
                positions = list(refused)
                middle = len(positions) // 2
                waves.extendleft([positions[middle:], positions[:middle]])
        if waves:
            logger.error("deadline passed before all was sent", hint=_LATE)

    def _stop_waiting(self) -> None:
        """Purges what waits for a connection; what is on its way over another is still waited for."""
        if self._producer is not None:
            self._producer.purge(in_flight=False)

    def _send(self, messages: Sequence[Message], deadline: Deadline) -> list[KafkaError | None]:
        """Kafka's answers to one wave, None or an error each; fewer than messages where the producer is full.

        produce() is called by position, which saves 0.7 us of a record's ten against calling it by name.
        """
        producer = self.open(deadline)
        self._errors.refusal = None
        outstanding: list[Outstanding] = []
        for message in messages:
            one = self._outstanding()
            try:
                producer.produce(
                    self._topic,
                    message.value,
                    message.key,
                    _ANY_PARTITION,
                    one.report,
                    None,
                    message.timestamp_ms,
                    message.headers,  # type: ignore[arg-type]  # produce() only reads the list
                )
            except BufferError:
                if outstanding:
                    break
                raise Misconfigured(
                    "KAFKA_PROPERTIES: the queue is too small for one message: raise queue.buffering.max.kbytes"
                ) from None
            except KafkaException as exception:
                one.error = exception.args[0]
                # Nothing behind it may overtake it
                outstanding += [one, *(self._outstanding() for _ in messages[len(outstanding) + 1 :])]
                break
            outstanding.append(one)
        self._flush(producer, deadline)
        return [each.error for each in outstanding]

    def _flush(self, producer: Producer, deadline: Deadline) -> None:
        """Waits for Kafka's answers, and drops a producer that has come to its end meanwhile."""
        try:
            producer.flush(deadline.remaining())
        except LOST as exception:
            self._abandon()
            fatal = read_fatal(exception)
            raise_if_misconfigured(fatal, self._topic)
            logger.error("kafka producer lost", code=fatal.name(), reason=fatal.str())

    def _explain(self, error: KafkaError) -> None:
        """Logs why messages were not acknowledged, unless that is for a person to change.

        Raises:
            Misconfigured: it is.

        """
        if self._errors.refusal is not None:
            raise to_authentication_refusal(self._errors.refusal, self._authentication)
        raise_if_misconfigured(error, self._topic)
        client = self._errors.latest
        logger.error(
            "kafka did not acknowledge",
            topic=self._topic,
            code=error.name(),
            meaning=find_rule(error).reason,
            reason=error.str() if client is None else f"{error.str()}; {client.str()}",
        )

    def _abandon(self) -> None:
        """Drops the producer with all that it still holds, so that nothing is sent once the function has answered.

        A later invocation makes a new one: what a purge leaves of an idempotent producer's sequence is no base to go
        on from.
        """
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(*LOST):
                producer.purge()
                producer.flush(_REPORT_SECONDS)
            close_in_background(producer)


def _settle(
    wave: Sequence[int], answers: Sequence[KafkaError | None], deliveries: list[Delivery]
) -> tuple[dict[int, KafkaError], KafkaError | None]:
    """Writes down what was delivered; gives what was refused, by position, and the first error that is neither."""
    refused: dict[int, KafkaError] = {}
    unknown = None
    for position, error in zip(wave, answers, strict=False):  # answers may be fewer
        if error is None:
            deliveries[position] = Delivery.DELIVERED
        elif is_refused(error, alone=len(answers) == 1):
            refused[position] = error
        else:
            unknown = unknown or error
    return refused, unknown


def _to_waves(messages: Sequence[Message], start: int, limit: int) -> Iterator[Sequence[int]]:
    """Positions of messages from `start` on, in runs of at most `limit` bytes; a larger message is alone."""
    up_to = list(accumulate([message.size for message in messages], initial=0))
    while start < len(messages):
        stop = max(start + 1, bisect_right(up_to, up_to[start] + limit) - 1)
        yield range(start, stop)
        start = stop
