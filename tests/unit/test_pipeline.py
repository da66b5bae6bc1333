"""Every record of a batch gets one outcome, and the response names the first undelivered record."""

import contextlib
import gc
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from feature_events import pipeline as pipeline_module
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import to_pipeline, with_encoder
from tests.support.records import Json, number_of, to_item, to_record, to_unreadable_record

TIME_LEFT = Deadline(1e9)
LARGE = to_item(tuple(f"feature_{number}" for number in range(200)))
"""An item whose event exceeds 1,000 bytes."""


def failures(*records: Json) -> dict[str, list[dict[str, str]]]:
    """Return the response that names the first of these records, if there is one."""
    return {"batchItemFailures": [{"itemIdentifier": number_of(record)} for record in records[:1]]}


def test_run__publishes_each_change_in_order() -> None:
    """The topic contains the changes in stream order."""
    publisher = FakePublisher()
    records = [to_record(number, entity=f"user-{number % 3}") for number in range(9)]
    outcome = to_pipeline(publisher, FakeDeadLetters()).run(records, TIME_LEFT)
    assert outcome.response() == failures()
    assert [message.timestamp_ms for message in publisher.log] == [
        record["dynamodb"]["ApproximateCreationDateTime"] * 1000 for record in records
    ]


def test_run__produces_the_same_bytes_for_the_same_batch() -> None:
    """Consumers can recognize duplicates: they are equal to the last header."""
    publisher = FakePublisher()
    records = [to_record(number) for number in range(5)]
    for _ in range(2):
        to_pipeline(publisher, FakeDeadLetters()).run(records, TIME_LEFT)
    assert publisher.log[:5] == publisher.log[5:]


def test_run__dead_letters_an_unreadable_record() -> None:
    """A bad record does not block the others."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    records = [to_record(0), to_unreadable_record(1), to_record(2)]
    outcome = to_pipeline(publisher, letters).run(records, TIME_LEFT)
    assert outcome.response() == failures()
    assert (len(publisher.log), letters.letters) == (
        2,
        [(records[1], "features.data: features is not a map")],
    )


def test_run__dead_letters_a_record_that_kafka_rejects() -> None:
    """A record that is too large is poison once Kafka has rejected it."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters()
    large = to_record(1, item=LARGE)
    outcome = to_pipeline(publisher, letters).run([to_record(0), large, to_record(2)], TIME_LEFT)
    assert outcome.response() == failures()
    assert letters.letters == [(large, "Kafka rejected the event: MSG_SIZE_TOO_LARGE")]


@pytest.mark.parametrize("kind", ["unreadable", "too large"])
def test_run__leaves_a_record_in_the_stream_if_s3_fails(kind: str) -> None:
    """A record that cannot be dead-lettered is undelivered, and no later record overtakes it."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters(works=False)
    bad = to_unreadable_record(1) if kind == "unreadable" else to_record(1, item=LARGE)
    outcome = to_pipeline(publisher, letters).run([to_record(0), bad, to_record(2)], TIME_LEFT)
    assert outcome.response() == failures(bad)
    assert len(publisher.log) == 1


def test_run__names_the_first_record_that_kafka_did_not_acknowledge() -> None:
    """Lambda retries it and every later record, and no earlier one."""
    publisher = FakePublisher()
    records = [to_record(0), to_record(1, kind="REMOVE"), to_record(2), to_record(3)]
    publisher.loses = lambda message: (
        b"user_feature_store" in dict(message.headers)["ce_source"] and bool(publisher.log)
    )
    outcome = to_pipeline(publisher, FakeDeadLetters()).run(records, TIME_LEFT)
    assert outcome.response() == failures(records[2])


def test_run__dead_letters_no_record_after_an_undelivered_one() -> None:
    """While Kafka is unreachable, Lambda retries the bad record with the earlier ones. It is dead-lettered once."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    records = [to_record(0), to_unreadable_record(1), to_record(2), to_unreadable_record(3)]
    publisher.reachable = False
    for _ in range(10):  # each in another execution environment
        assert to_pipeline(publisher, letters).run(records, TIME_LEFT).response() == failures(records[0])
    assert letters.letters == []
    publisher.reachable = True
    assert to_pipeline(publisher, letters).run(records, TIME_LEFT).response() == failures()
    assert [record for record, _ in letters.letters] == [records[1], records[3]]


@pytest.mark.parametrize("kind", ["unreadable", "too large"])
def test_run__dead_letters_in_stream_order(kind: str) -> None:
    """Earlier records are sent before a bad one is dead-lettered, and later records after that."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters()
    bad = to_unreadable_record(1) if kind == "unreadable" else to_record(1, item=LARGE)
    sent: list[int] = []
    letters.put_takes = lambda: sent.append(len(publisher.log))
    to_pipeline(publisher, letters).run([to_record(0), bad, to_record(2)], TIME_LEFT)
    assert (sent, len(publisher.log)) == ([1], 2)


@pytest.mark.parametrize("case", ["topic", "view type", "old images"])
def test_run__fails_if_it_is_misconfigured(case: str) -> None:
    """A mistake that an operator must fix fails the invocation, and no record is dead-lettered."""
    publisher, letters = FakePublisher(), FakeDeadLetters()
    publisher.topic_exists = case != "topic"
    record = to_record(kind="MODIFY")
    if case == "view type":
        del record["dynamodb"]["NewImage"]
        record["dynamodb"]["StreamViewType"] = "KEYS_ONLY"
    pipeline = to_pipeline(publisher, letters, features_mode="changed" if case == "old images" else "all")
    with pytest.raises(Misconfigured):
        pipeline.run([record], TIME_LEFT)
    assert (publisher.log, letters.letters) == ([], [])


def test_run__does_not_call_the_publisher_after_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    """If dead-lettering takes all the time, the log says so."""
    publisher, letters, clock = FakePublisher(), FakeDeadLetters(), FakeClock(0)
    asked: list[int] = []

    def publish(messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        asked.append(len(messages))
        return FakePublisher.publish(publisher, messages, deadline, refuse)

    def take() -> None:
        clock.seconds += 60

    publisher.publish, letters.put_takes = publish, take  # type: ignore[method-assign]  # watched
    records = [to_record(0), to_unreadable_record(1), to_record(2)]
    outcome = to_pipeline(publisher, letters).run(records, Deadline(20, clock))
    assert (outcome.response(), asked) == (failures(records[2]), [1])
    assert "deadline exceeded while dead-lettering records" in caplog.messages


@pytest.fixture
def chunks_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process two records at a time."""
    monkeypatch.setattr(pipeline_module, "_CHUNK", 2)


@pytest.mark.usefixtures("chunks_of_two")
def test_run__processes_a_batch_in_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    """The metrics describe the whole batch."""
    publisher, letters = FakePublisher(message_max_bytes=1000), FakeDeadLetters()
    large = to_record(2, item=LARGE)
    records = [to_record(0), to_unreadable_record(1), large, to_record(3), to_record(4, kind="REMOVE")]
    outcome = to_pipeline(publisher, letters).run(records, TIME_LEFT)
    assert outcome.response() == failures()
    assert [message.timestamp_ms % 10_000 for message in publisher.log] == [7000, 0]
    assert [record for record, _ in letters.letters] == [records[1], large]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    figures = {name: value for line in lines for name, value in line.items()}
    assert (figures["EventsDelivered"], figures["DeadLetters"]) == ([2], [2])
    assert figures["EndToEndLatency"] == [303_000]  # the first record's
    assert figures["EventBytes"][0] > sum(
        len(message.value) for message in publisher.log
    )  # includes the rejected event


@pytest.mark.usefixtures("chunks_of_two")
@pytest.mark.parametrize("kind", ["unreadable", "lost"])
@pytest.mark.parametrize("bad", range(4))
def test_run__publishes_no_chunk_after_an_undelivered_record(kind: str, bad: int) -> None:
    """Records after one that stays in the stream are not sent, in any chunk."""
    publisher = FakePublisher()
    publisher.loses = lambda message: message.key == b"lost"
    records = [to_record(number) for number in range(6)]
    records[bad] = to_unreadable_record(bad) if kind == "unreadable" else to_record(bad, entity="lost")
    outcome = to_pipeline(publisher, FakeDeadLetters(works=False)).run(records, TIME_LEFT)
    assert outcome.response() == failures(records[bad])
    assert len(publisher.log) == bad


@pytest.mark.usefixtures("chunks_of_two")
def test_run__dead_letters_in_a_later_chunk_if_there_is_time() -> None:
    """The time that earlier chunks took does not prevent it."""
    clock, publisher, letters = FakeClock(), FakePublisher(), FakeDeadLetters()

    def take_time(_: Message) -> bool:
        clock.seconds += 1.5
        return False

    publisher.loses = take_time
    records = [to_record(number) for number in range(10)]
    records[8] = to_unreadable_record(8)
    outcome = to_pipeline(publisher, letters).run(records, Deadline(20, clock))
    assert (outcome.response(), len(publisher.log), len(letters.letters)) == (failures(), 9, 1)


@pytest.mark.usefixtures("chunks_of_two")
def test_run__sends_no_chunk_again_if_a_later_one_is_misconfigured() -> None:
    """The invocation that starts with the later chunk raises its error."""
    publisher = FakePublisher()
    records = [to_record(number) for number in range(4)]
    del records[3]["dynamodb"]["NewImage"]
    records[3]["dynamodb"]["StreamViewType"] = "KEYS_ONLY"
    pipeline = to_pipeline(publisher, FakeDeadLetters())
    assert pipeline.run(records, TIME_LEFT).response() == failures(records[2])
    assert len(publisher.log) == 2
    with pytest.raises(Misconfigured, match="KEYS_ONLY"):
        pipeline.run(records[2:], TIME_LEFT)
    assert len(publisher.log) == 2


@pytest.mark.parametrize("case", ["good", "poison", "undelivered", "misconfigured"])
def test_run__leaves_no_reference_cycles(case: str) -> None:
    """So the garbage collector need not run often."""
    publisher = FakePublisher()
    publisher.reachable, publisher.topic_exists = case != "undelivered", case != "misconfigured"
    pipeline = to_pipeline(publisher, FakeDeadLetters(works=False))
    records = [to_unreadable_record(1) if case == "poison" else to_record(1), to_record(2)]

    def run() -> None:
        with contextlib.suppress(Misconfigured):
            pipeline.run(records, TIME_LEFT)

    run()
    gc.collect()
    gc.disable()
    try:
        left = []
        for _ in range(3):  # threads of other tests may leave some, but not each time
            for _ in range(200):
                run()
            left.append(gc.collect())
        assert min(left) < 200  # fewer than one per run
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "layout",
    [
        {"table": "another_table", "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"}},
        {"table": "user_feature_store", "keys": {"user_id": "{entity_id}", "category": "{resource_name}"}},
        {"table": "user_feature_store", "keys": {"bright_uid": "{entity_id}"}, "resource_name": "r"},
    ],
    ids=["another table", "another key", "one key"],
)
def test_run__leaves_the_records_of_a_table_without_a_layout_in_the_stream(layout: Json) -> None:
    """The error names the table, its keys and what the layouts expect."""
    publisher, letters, counts = FakePublisher(), FakeDeadLetters(), Counter[str]()
    records = [to_record(0, kind="REMOVE"), {**to_record(1), "eventName": "?"}, to_record(2), to_record(3, item={})]
    layouts = to_layouts(layout | {"entity_type": "user", "features": "features.data"})
    pipeline = with_encoder(to_pipeline(publisher, letters), layouts=layouts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "feature_events.metrics.emit",
            lambda measured, _, *others: [counts.update(each) for each in (measured, *others)],
        )
        with pytest.raises(Misconfigured) as caught:
            pipeline.run(records, TIME_LEFT)
    sides = ["user_feature_store", "bright_uid and category", layout["table"], " and ".join(layout["keys"])]
    assert [side for side in sides if side not in str(caught.value)] == []
    assert (publisher.log, letters.letters) == ([], [])
    assert +counts == {"RecordsUndelivered": len(records)}


def test_run__counts_every_record_once() -> None:
    """Delivered, skipped, dead-lettered and undelivered add up to the batch."""
    publisher = FakePublisher()
    records = [
        to_record(0),
        to_record(1, kind="REMOVE"),
        to_record(2, item={}),
        to_unreadable_record(3),
        to_record(4, entity="lost"),
        to_record(5),
    ]
    publisher.loses = lambda message: message.key == b"lost"
    counts = to_pipeline(publisher, FakeDeadLetters()).run(records, TIME_LEFT).counts()
    assert counts == {
        "table": "user_feature_store",
        "records": 6,
        "delivered": 1,
        "skipped": {"remove": 1, "no_features": 1},
        "dead_letters": 1,
        "undelivered": 2,
    }
