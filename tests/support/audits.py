"""A topic and a run's folder in memory, for backfills that compare items with the topic."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, override
from zlib import crc32

from feature_events.aws.objects import JSON, ObjectFolder
from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.topic.event import EventDecoder
from feature_events.topic.reader import Offsets, RemovedError, TopicMessage, TopicReader
from tests.support.backfills import TABLE_ARN


class MemoryFolder(ObjectFolder):
    """A folder in memory.

    Args:
        seam: runs between two steps.

    """

    def __init__(self, seam: Callable[[], None] = lambda: None) -> None:
        self.objects: dict[str, bytes] = {}
        self._seam = seam

    @override
    def name(self, name: str) -> str:
        return name

    @override
    def read(self, name: str) -> bytes | None:
        return self.objects.get(name)

    @override
    def read_existing(self, name: str, part: range | None = None) -> bytes:
        body = self.objects[name]
        return body if part is None else body[part.start : part.stop]

    @override
    def write(self, name: str, body: bytes, content_type: str = JSON) -> None:
        self._seam()
        self.objects[name] = body
        self._seam()


class Log(NamedTuple):
    """A partition's messages. Offsets continue when the oldest messages are removed."""

    messages: list[Message]
    removed: list[Message]

    @property
    def offsets(self) -> Offsets:
        """The offsets that the partition contains."""
        return Offsets(len(self.removed), len(self.removed) + len(self.messages))

    def remove(self, number: int) -> None:
        """Remove this many of the oldest messages."""
        self.removed.extend(self.messages[:number])
        del self.messages[:number]


class MemoryTopic:
    """A topic in memory."""

    def __init__(self, partitions: int = 2) -> None:
        self.logs = [Log([], []) for _ in range(partitions)]

    def append(self, message: Message) -> None:
        """Append a message to the partition of its key."""
        self.logs[crc32(message.key) % len(self.logs)].messages.append(message)

    def add_partition(self) -> None:
        """Add a partition. Some keys move to another one."""
        self.logs.append(Log([], []))

    def read(self) -> list[TopicMessage]:
        """Return all messages."""
        return [message for partition, log in enumerate(self.logs) for message in to_messages(partition, log)]


def to_messages(partition: int, log: Log) -> Iterator[TopicMessage]:
    """Yield the messages of a partition as a reader does."""
    for offset, each in enumerate(log.messages, len(log.removed)):
        yield TopicMessage(partition, offset, each.timestamp_ms, each.key, each.value, dict(each.headers))


class MemoryReader(TopicReader):
    """A reader of a topic in memory.

    Args:
        topic: the topic.
        seam: runs between two messages.

    """

    def __init__(self, topic: MemoryTopic, seam: Callable[[], None] = lambda: None) -> None:
        self._memory = topic
        self._seam = seam

    @override
    def find_offsets(self, deadline: Deadline) -> Mapping[int, Offsets]:
        self._seam()
        return {partition: log.offsets for partition, log in enumerate(self._memory.logs)}

    @override
    def find_starts(self, since_ms: int, offsets: Mapping[int, Offsets], deadline: Deadline) -> Mapping[int, int]:
        def find(partition: int) -> int:
            found = to_messages(partition, self._memory.logs[partition])
            return next((each.offset for each in found if each.timestamp_ms >= since_ms), offsets[partition].end)

        return {partition: find(partition) for partition in offsets}

    @override
    def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
        for partition, wanted in ranges.items():
            log = self._memory.logs[partition]
            if wanted and wanted.start < log.offsets.oldest:
                raise RemovedError("messages were removed")
            for message in list(to_messages(partition, log)):
                if message.offset in wanted:
                    self._seam()
                    yield message


def make_decoder() -> EventDecoder:
    """Return the decoder of events about the default table."""
    return EventDecoder(TABLE_ARN, lambda _: SHIPPED_SCHEMA)
