"""A lone bad record is dead-lettered; where nothing but bad ones come, the stream is kept and the function says so."""

from collections.abc import Sequence

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.events.message import Message
from feature_events.failures.dead_letter_limit import EVENTS_PER_DEAD_LETTER, DeadLetterLimit
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.pipeline import Pipeline
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.lanes import Record
from tests.support.mapping import EventSourceMapping, MappingSettings
from tests.support.on_failure import MemoryStore
from tests.support.pipelines import to_pipeline
from tests.support.records import number_of, to_item, to_record, to_unreadable_record

TIME_LEFT = Deadline(1e9)
MOST = 3
DEPLOYED = MappingSettings(batch_size=16, bisect_batch_on_function_error=True, report_batch_item_failures=True)


class Deployment:
    """The pipeline behind the mapping that is deployed."""

    def __init__(self, settings: MappingSettings = DEPLOYED) -> None:
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.letters = FakeDeadLetters()
        self.restart()
        self.mapping = EventSourceMapping(
            lambda event: self.pipeline.run(event["Records"], TIME_LEFT).response(),
            settings,
            FakeClock(),
            MemoryStore(),
        )
        self.mapping.add_shard("shard-1")

    def restart(self) -> None:
        """Starts another function instance."""
        self.pipeline: Pipeline = to_pipeline(self.publisher, self.letters, limit=MOST)

    def put(self, records: Sequence[Record]) -> None:
        """Writes to the stream."""
        for record in records:
            self.mapping.put("shard-1", record)

    def run(self, invocations: int) -> list[BaseException]:
        """Invokes so often, or until all is done; gives the errors."""
        errors = []
        for _ in range(invocations):
            if not self.mapping.ready():
                break
            done = self.mapping.step(self.mapping.ready()[0])
            assert done is not None
            if done.error is not None:
                errors.append(done.error)
        return errors

    @property
    def dead_lettered(self) -> set[str]:
        """The numbers of the records in the store."""
        return {number_of(record) for record, _ in self.letters.letters}


def bad(count: int, first: int = 0) -> list[Record]:
    """Records that nobody can read."""
    return [to_unreadable_record(number) for number in range(first, first + count)]


@pytest.mark.parametrize("batch_size", [1, 16])
def test_limit__does_not_stop_at_a_lone_bad_record(batch_size: int) -> None:
    """A bad record at the head of a stream stops nobody, also where it is a batch by itself."""
    deployment = Deployment(MappingSettings(batch_size=batch_size, report_batch_item_failures=True))
    deployment.put([*bad(1), to_record(1)])
    assert deployment.run(10) == []
    assert (len(deployment.dead_lettered), len(deployment.publisher.log), deployment.mapping.pending()) == (1, 1, [])


@pytest.mark.parametrize("factor", [1, 2, 16])
def test_limit__stops_where_every_record_is_bad(factor: int) -> None:
    """However often Lambda halves the batch, no more than the limit is dead-lettered, and the errors say what to do."""
    deployment = Deployment(
        MappingSettings(batch_size=factor, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    deployment.put(bad(100))
    errors = deployment.run(200)
    assert (len(deployment.dead_lettered), len(deployment.mapping.pending())) == (MOST, 100 - MOST)
    assert {type(error) for error in errors} == {Misconfigured}
    assert "raise DEAD_LETTER_LIMIT" in str(errors[-1])


def test_limit__grants_a_new_instance_no_more_than_its_own() -> None:
    """Ten new instances, each failing for a hundred invocations, dead-letter ten times the limit and no more."""
    deployment = Deployment()
    deployment.put(bad(1000))
    for _ in range(10):
        deployment.restart()
        deployment.run(100)
    assert len(deployment.dead_lettered) == 10 * MOST


def mixed(count: int, good: Sequence[int]) -> list[Record]:
    """Records of which only those of these numbers can be read."""
    return [to_record(number) if number in good else to_unreadable_record(number) for number in range(count)]


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__stops_where_nearly_every_record_is_bad(batch_size: int) -> None:
    """With 99 bad records in a hundred, an event delivered here and there does not empty the stream."""
    deployment = Deployment(
        MappingSettings(batch_size, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    deployment.put(mixed(3000, range(0, 3000, 100)))
    errors = deployment.run(500)
    assert {type(error) for error in errors} == {Misconfigured}
    assert (len(deployment.dead_lettered), len(deployment.publisher.log)) == (MOST, 1)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__never_stops_where_a_record_is_bad_now_and_then(batch_size: int) -> None:
    """As long as ten events are delivered for each bad record, all go on, however many are dead-lettered in all."""
    deployment = Deployment(
        MappingSettings(batch_size, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    bad_ones = range(0, 1100, 11)
    deployment.put(mixed(1100, [number for number in range(1100) if number not in bad_ones]))
    assert deployment.run(3000) == []
    assert (len(deployment.dead_lettered), len(deployment.publisher.log), deployment.mapping.pending()) == (
        100,
        1000,
        [],
    )


def test_limit__gives_nothing_back_for_what_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch that Kafka refuses in part, the rest is delivered at each retry, and opens no way past the limit."""
    deployment = Deployment(DEPLOYED)

    def publish_mates(messages: Sequence[Message], _: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """Delivers first what is not refused, as where those are in other partitions."""
        large = [len(message.value) > 1000 for message in messages]
        deployment.publisher.log += [message for message, is_large in zip(messages, large, strict=True) if not is_large]
        deliveries = [Delivery.UNKNOWN if is_large else Delivery.DELIVERED for is_large in large]
        for index in range(len(messages)):
            if large[index]:
                if not refuse(index, "MSG_SIZE_TOO_LARGE"):
                    break
                deliveries[index] = Delivery.REFUSED
        return deliveries

    monkeypatch.setattr(deployment.publisher, "publish", publish_mates)
    large = to_item(tuple(f"feature_{number}" for number in range(200)))
    deployment.put([to_record(number, item=large) for number in range(MOST + 1)])
    deployment.put([to_record(number) for number in range(MOST + 1, 16)])
    errors = deployment.run(1000)
    assert {str(error) for error in errors} == {str(errors[0])}
    assert "nothing" not in str(errors[0])  # since something was delivered
    assert len(deployment.dead_lettered) == MOST


def test_limit__goes_on_once_the_cause_is_fixed() -> None:
    """What was kept in the stream is delivered by the next deployment, in order."""
    deployment = Deployment()
    deployment.put([to_record(number, item={"features": {"M": {"data": {"S": "?"}}}}) for number in range(10)])
    deployment.run(20)
    kept = deployment.mapping.pending()
    for record in kept:
        record["dynamodb"]["NewImage"] |= to_item()
    deployment.restart()
    assert deployment.run(20) == []
    assert len(deployment.publisher.log) == len(kept) == 10 - MOST


def test_limit__counts_a_record_once() -> None:
    """While Kafka is away the same bad record is retried again and again, and is no row of bad ones."""
    deployment = Deployment()
    deployment.put([to_record(0), *bad(1, 1), to_record(2)])
    deployment.publisher.reachable = False
    assert deployment.run(50) == []
    deployment.publisher.reachable = True
    assert deployment.run(5) == []
    assert (len(deployment.publisher.log), deployment.mapping.pending()) == (2, [])


def test_limit__holds_for_what_kafka_refuses() -> None:
    """A deployment after which every message is too large is stopped like any other."""
    deployment = Deployment()
    large = to_item(tuple(f"feature_{number}" for number in range(200)))
    deployment.put([to_record(number, item=large) for number in range(50)])
    errors = deployment.run(100)
    assert {type(error) for error in errors} == {Misconfigured}
    assert len(deployment.dead_lettered) == MOST


def test_limit__is_each_tables_own() -> None:
    """A table whose events are delivered does not vouch for another that the same instance serves."""
    limit = DeadLetterLimit(1)
    limit.count("bad", "1")
    limit.give_back("good", 1000)
    assert not limit.allows("bad", "2")
    assert limit.allows("good", "2")


def test_limit__keeps_no_more_than_it_needs() -> None:
    """However many records are dead-lettered in the course of time, only the latest are kept."""
    limit = DeadLetterLimit(1)
    for number in range(11_000):
        assert limit.allows("table", str(number))
        limit.count("table", str(number))
        limit.give_back("table", EVENTS_PER_DEAD_LETTER)
    limit.count("table", "new")
    assert (limit.allows("table", "10999"), limit.allows("table", "0")) == (True, False)


def test_limit__counts_records_that_have_no_number() -> None:
    """What cannot be told apart is counted each time."""
    limit = DeadLetterLimit(2)
    for _ in range(2):
        assert limit.allows("table", None)
        limit.count("table", None)
    assert not limit.allows("table", None)


def test_run__delivers_what_is_before_a_slow_store() -> None:
    """However slow the store and however many bad records, what stands before them is sent in the same invocation."""
    clock = FakeClock()
    letters = FakeDeadLetters()
    letters.put_takes = lambda: setattr(clock, "seconds", clock.seconds + 3)
    publisher = FakePublisher()
    pipeline = to_pipeline(publisher, letters)
    answer = pipeline.run([to_record(0), *bad(50, 1)], Deadline(20, clock)).response()
    assert len(publisher.log) == 1
    assert answer == {"batchItemFailures": [{"itemIdentifier": number_of(bad(1, 8)[0])}]}
