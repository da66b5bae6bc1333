"""Create the events' topic and read its messages."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
PARTITIONS = 4
DEFAULT_REPLICAS = -1
"""The cluster's default replication factor."""
LIMIT = 30.0

_NO_LEADER = -1
_PAUSE = 0.1


class Received(NamedTuple):
    """One message in the topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


def create_topic(
    bootstrap: str,
    name: str = TOPIC,
    partitions: int = PARTITIONS,
    config: Mapping[str, str] | None = None,
    replicas: int = DEFAULT_REPLICAS,
) -> None:
    """Create a new topic."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    created = admin.create_topics(
        [NewTopic(name, partitions, replicas, config=dict(config or {}))], operation_timeout=LIMIT
    )
    created[name].result(LIMIT)
    find_leaders(admin, name, partitions)


def find_leaders(
    admin: AdminClient, name: str, partitions: int, sleep: Callable[[float], None] = time.sleep
) -> Mapping[int, int]:
    """Wait until each partition has a leader, and return the leaders.

    A broker that has just started, or that does not know a new topic yet, reports fewer partitions or partitions
    without a leader.

    Raises:
        TimeoutError: a partition has no leader after 30 seconds.

    """
    for _ in range(round(LIMIT / _PAUSE)):
        try:
            found = admin.list_topics(name, timeout=LIMIT).topics[name].partitions
        except KafkaException:
            found = {}
        leaders = {number: partition.leader for number, partition in found.items()}
        if len(leaders) == partitions and _NO_LEADER not in leaders.values():
            return leaders
        sleep(_PAUSE)
    raise TimeoutError(f"some partitions of {name} have no leader after {LIMIT:.0f} s")


def to_received(message: Message) -> Received:
    """Convert a consumer's message that is not an error."""
    key, value = message.key(), message.value()
    headers = tuple((str(name), bytes(text)) for name, text in message.headers() or ())  # type: ignore[arg-type, str-unpack]  # pairs of str and bytes; the stub is wrong
    _, time = message.timestamp()
    return Received(
        message.partition() or 0, message.offset() or 0, _to_bytes(key), _to_bytes(value), headers, int(time)
    )


def _to_bytes(part: object) -> bytes:
    return part if isinstance(part, bytes) else b""
