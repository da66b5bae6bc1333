"""A new topic is ready once each partition has a leader."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from local.servers import topic
from local.servers.topic import find_leaders

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

NO_LEADER = -1


class Admin:
    """An admin client that returns the given responses in order, and repeats the last one."""

    def __init__(self, *responses: Mapping[int, int] | None) -> None:
        self.responses = list(responses)

    def list_topics(self, name: str, timeout: float) -> SimpleNamespace:
        """Return the partitions with their leaders. A response of None raises the error of an unreachable broker."""
        del timeout
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if response is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001  # the error of librdkafka
        partitions = {number: SimpleNamespace(leader=leader) for number, leader in response.items()}
        return SimpleNamespace(topics={name: SimpleNamespace(partitions=partitions)})


def test_find_leaders__waits_for_every_partition() -> None:
    """It retries if partitions are missing or have no leader, and if the broker does not respond."""
    admin = Admin({}, None, {0: 1}, {0: 1, 1: NO_LEADER}, {0: 1, 1: 2})
    pauses: list[float] = []
    assert find_leaders(cast("AdminClient", admin), "events", 2, pauses.append) == {0: 1, 1: 2}
    assert len(pauses) == 4


def test_find_leaders__times_out_without_a_leader() -> None:
    """The error names the topic."""
    with pytest.raises(TimeoutError, match="events have no leader"):
        find_leaders(cast("AdminClient", Admin({0: NO_LEADER})), "events", 1, lambda _: None)


def test_create_topic__returns_once_every_partition_has_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partitions can then be read immediately."""
    admin = Admin({}, {0: NO_LEADER, 1: 1}, {0: 2, 1: 1})
    created = SimpleNamespace(result=lambda _: None)
    monkeypatch.setattr(admin, "create_topics", lambda new, **_: {new[0].topic: created}, raising=False)
    monkeypatch.setattr(topic, "AdminClient", lambda _: admin)
    topic.create_topic("b:1", "events", 2)
    assert len(admin.responses) == 1
