"""Read ranges of the topic's partitions, in the order of their offsets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.kafka.producer import close_in_background
from feature_events.settings.settings import Settings
from feature_events.topic.consumer import classify, list_partitions, open_consumer, raise_if_unreadable

if TYPE_CHECKING:
    from types import TracebackType

    from feature_events.kafka.authentication import Authentication

_BATCH = 1_000
_POLL_SECONDS = 0.5
_STALL_SECONDS = 30.0
"""The maximum time to wait for the next message."""

_EOF, _OUT_OF_RANGE = KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001  # librdkafka's own codes
_END = -1


type Headers = Sequence[tuple[str, bytes | None]]


class TopicMessage(NamedTuple):
    """A message as it is in the topic."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes | None]


class Offsets(NamedTuple):
    """The offsets that a partition contains."""

    oldest: int
    """The offset of the oldest message. Above 0, earlier messages were removed."""
    end: int
    """The offset after the newest message."""


class RemovedError(Undelivered):
    """The topic's retention has removed the message to continue with."""


class TopicReader:
    """A reader of one topic, without a consumer group and without commits.

    Use it as a context manager: leaving the context closes the connection in the background.

    Args:
        settings: the function's settings.
        authentication: how to authenticate, or None if the brokers do not require authentication.
        deadline: when to stop connecting.

    Raises:
        Misconfigured: a setting or a permission is wrong. Permissions are checked before anything is read.
        Undelivered: Kafka cannot be reached.

    """

    def __init__(self, settings: Settings, authentication: "Authentication | None", deadline: Deadline) -> None:
        self._topic = settings.topic
        self._consumer: Consumer = open_consumer(settings, authentication, deadline)

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        """Close the connection in the background."""
        close_in_background(self._consumer)
        del self._consumer

    def find_offsets(self, deadline: Deadline) -> Mapping[int, Offsets]:
        """Return the offsets of each partition.

        Raises:
            Misconfigured: a permission is missing.
            Undelivered: Kafka did not respond.

        """
        try:
            return {
                partition: Offsets(
                    *self._consumer.get_watermark_offsets(
                        TopicPartition(self._topic, partition), timeout=deadline.remaining()
                    )
                )
                for partition in list_partitions(self._consumer, self._topic, deadline)
            }
        except KafkaException as exception:
            raise classify(exception.args[0], self._topic) from None

    def find_starts(self, since_ms: int, offsets: Mapping[int, Offsets], deadline: Deadline) -> Mapping[int, int]:
        """Return for each partition the offset of the first message with this timestamp or a later one.

        Args:
            since_ms: the time, in milliseconds since the epoch.
            offsets: the offsets of the partitions. A partition without such a message starts at its end.
            deadline: when to stop waiting.

        Raises:
            Misconfigured: a permission is missing.
            Undelivered: Kafka did not respond.

        """
        requested = [TopicPartition(self._topic, partition, since_ms) for partition in offsets]
        try:
            found = self._consumer.offsets_for_times(requested, timeout=deadline.remaining())
            for each in found:
                if each.error is not None:
                    raise KafkaException(each.error)  # noqa: TRY301  # the same as an error of the request
        except KafkaException as exception:
            raise classify(exception.args[0], self._topic) from None
        ends = {partition: each.end for partition, each in offsets.items()}
        return {
            each.partition: ends[each.partition] if each.offset == _END else min(each.offset, ends[each.partition])
            for each in found
        }

    def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
        """Yield the messages in these ranges of offsets, each partition in its order.

        The iterator ends when every range has been read to its end. A range may contain offsets without a message.

        Args:
            ranges: the offsets to read, by partition.
            deadline: when to stop waiting.

        Raises:
            Misconfigured: a permission is missing.
            RemovedError: the topic's retention has removed the next message of a partition.
            Undelivered: Kafka did not respond, or the deadline passed.

        """
        unread = {partition: offsets.stop for partition, offsets in ranges.items() if offsets}
        self._consumer.assign([TopicPartition(self._topic, each, ranges[each].start) for each in unread])
        try:
            stalled = deadline.within(_STALL_SECONDS)
            while unread:
                messages = self._consumer.consume(_BATCH, _POLL_SECONDS)
                if messages:
                    stalled = deadline.within(_STALL_SECONDS)
                elif not stalled.remaining():
                    raise Undelivered(
                        f"topic {self._topic} was not read before the deadline: check the brokers' state, and try "
                        "again later"
                    )
                for message in messages:
                    yield from self._take(message, unread)
        finally:
            self._consumer.unassign()

    def _take(self, message: KafkaMessage, unread: dict[int, int]) -> Iterator[TopicMessage]:
        """Yield the message if its range contains it, and note whether the range has been read to its end."""
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != _EOF:
            self._refuse(error)
            return
        if partition is None or offset is None or partition not in unread:
            return
        end = unread[partition]
        if offset >= end - (error is None):
            del unread[partition]
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        if error is None and offset < end:
            headers = cast("Headers", message.headers() or ())  # the stub allows a dictionary, too
            key, value = message.key(), message.value()
            yield TopicMessage(partition, offset, message.timestamp()[1], key, value, dict(headers))

    def _refuse(self, error: KafkaError) -> None:
        """Raise an error that reading cannot recover from. librdkafka retries the others."""
        if error.code() == _OUT_OF_RANGE:
            raise RemovedError(f"messages of topic {self._topic} were removed before they were read: try again")
        raise_if_unreadable(error, self._topic)
