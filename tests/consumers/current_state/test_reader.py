"""Test the reader: partitions, printed items and messages that it cannot process."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException

from tests.consumers.current_state.run import Start
from tests.consumers.current_state.topic import Topic, remove, to_event


def test_reader__starts_a_new_partition_at_its_first_message(start: Start) -> None:
    """Partitions that are added later are read too, and an empty one is read from where it was found."""
    topic = Topic()
    topic.write(to_event())
    topic.write(partition=1)
    topic.first = {1: 7}
    run = start(topic)
    assert run.state.read_offsets() == {0: 0, 1: 7}
    topic.write(to_event(), partition=2)
    run.reader.assign()
    assert topic.positions == {0: 0, 1: 7, 2: 0}


def test_reader__survives_an_outage_while_looking_for_partitions(
    modules: SimpleNamespace, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It continues with the partitions that it knows."""
    run = start(Topic())
    monkeypatch.setattr(modules.program, "REFRESH_SECONDS", 0.0)

    def fail(*_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE))

    monkeypatch.setattr(run.topic, "list_topics", fail)
    run.reader.read()
    assert capsys.readouterr().err.startswith("could not look for new partitions: ")


def test_reader__reports_changed_items(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a duplicate nor an older event changes the features of an item. A removed item has no features."""
    topic = Topic()
    topic.limit = 1
    newest = to_event(at=2000)
    topic.write(newest, newest, to_event(features=["c"]), remove(at=3000), to_event("feature_expiring", at=4000))
    start(topic).drain()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    item = {"entity_type": "user", "entity_id": "user-1", "resource_name": "scores"}
    assert lines == [{**item, "features": ["a", "b"]}, {**item, "features": []}]


def test_reader__stores_what_precedes_a_message_that_it_cannot_read(start: Start) -> None:
    """The error names the place. A restart reads that message again."""
    topic = Topic()
    topic.write(to_event(), to_event(source=""))
    run = start(topic)
    with pytest.raises(SystemExit, match=r"^events \[0\] offset 1 cannot be read: the state rule needs the header ce_"):
        run.reader.read()
    assert run.state.read_offsets() == {0: 1}
    assert run.read_state() == {to_event().item: {"a", "b"}}


def test_reader__refuses_the_broker_time(start: Start) -> None:
    """With LogAppendTime, the timestamp is not that of the change."""
    topic = Topic()
    topic.kind = TIMESTAMP_LOG_APPEND_TIME
    topic.write(to_event())
    with pytest.raises(SystemExit, match=r"needs a topic with message\.timestamp\.type=CreateTime$"):
        start(topic).drain()


def to_error(code: int) -> Any:  # noqa: ANN401  # like a Message
    """Return a message with an error."""
    error = SimpleNamespace(code=lambda: code, str=lambda: "reason")
    return SimpleNamespace(error=lambda: error, topic=lambda: "events", partition=lambda: 0)


def test_reader__exits_if_events_are_missing(start: Start) -> None:
    """A removal may be among the events that the topic deleted before they were read."""
    run = start(Topic())
    run.topic.errors = [to_error(KafkaError._AUTO_OFFSET_RESET)]  # noqa: SLF001  # the documented name
    with pytest.raises(SystemExit, match=r"^events \[0\]: the next offset is no longer in the topic"):
        run.reader.read()
    run.topic.errors = [to_error(KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    with pytest.raises(KafkaException):
        run.reader.read()
