"""A topic is used once each of its partitions has a leader."""

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
    """An admin client whose cluster answers so, one answer after the other and the last for ever."""

    def __init__(self, *answers: Mapping[int, int] | None) -> None:
        self.answers = list(answers)

    def list_topics(self, name: str, timeout: float) -> SimpleNamespace:
        """The topic's partitions with their leaders; None stands for a broker that does not answer."""
        del timeout
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))  # noqa: SLF001  # as librdkafka says it
        partitions = {number: SimpleNamespace(leader=leader) for number, leader in answer.items()}
        return SimpleNamespace(topics={name: SimpleNamespace(partitions=partitions)})


def test_find_leaders__waits_for_every_partition() -> None:
    """Neither no partitions, nor too few, nor one without a leader is an answer."""
    admin = Admin({}, None, {0: 1}, {0: 1, 1: NO_LEADER}, {0: 1, 1: 2})
    pauses: list[float] = []
    assert find_leaders(cast("AdminClient", admin), "events", 2, pauses.append) == {0: 1, 1: 2}
    assert len(pauses) == 4


def test_find_leaders__says_that_there_is_none() -> None:
    """A partition that nobody leads is an error in the end, with the topic's name."""
    with pytest.raises(TimeoutError, match="events has a leader"):
        find_leaders(cast("AdminClient", Admin({0: NO_LEADER})), "events", 1, lambda _: None)


def test_create_topic__returns_once_every_partition_has_a_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made a topic may read its partitions at once, however busy the brokers are."""
    admin = Admin({}, {0: NO_LEADER, 1: 1}, {0: 2, 1: 1})
    made = SimpleNamespace(result=lambda _: None)
    monkeypatch.setattr(admin, "create_topics", lambda new, **_: {new[0].topic: made}, raising=False)
    monkeypatch.setattr(topic, "AdminClient", lambda _: admin)
    topic.create_topic("b:1", "events", 2)
    assert len(admin.answers) == 1
