"""A lone bad record is set aside; where nothing but bad ones come, the stream is kept and the function says so."""

from collections.abc import Sequence

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.events.message import Message
from feature_events.failures.dead_letter_limit import EVENTS_PER_DEAD_LETTER, DeadLetterLimit
from feature_events.kafka.publisher import Delivery, Refuse
from feature_events.pipeline import Pipeline
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.mapping import EventSourceMapping, MappingSettings, MemoryStore, Record
from tests.support.pipelines import to_pipeline
from tests.support.records import number_of, to_item, to_record, to_unreadable_record

TIME_LEFT = Deadline(1e9)
MOST = 3
DEPLOYED = MappingSettings(batch_size=16, bisect_batch_on_function_error=True, report_batch_item_failures=True)


class Line:
    """The line behind the mapping that is deployed."""

    def __init__(self, settings: MappingSettings = DEPLOYED) -> None:
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.letters = FakeDeadLetters()
        self.begin_anew()
        self.mapping = EventSourceMapping(
            lambda event: self.pipeline.run(event["Records"], TIME_LEFT).response(),
            settings,
            FakeClock(),
            MemoryStore(),
        )
        self.mapping.add_shard("shard-1")

    def begin_anew(self) -> None:
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
    def set_aside(self) -> set[str]:
        """The numbers of the records in the store."""
        return {number_of(record) for record, _ in self.letters.letters}


def bad(count: int, first: int = 0) -> list[Record]:
    """Records that nobody can read."""
    return [to_unreadable_record(number) for number in range(first, first + count)]


@pytest.mark.parametrize("batch_size", [1, 16])
def test_limit__lets_a_lone_bad_record_pass(batch_size: int) -> None:
    """A bad record at the head of a stream stops nobody, also where it is a batch by itself."""
    line = Line(MappingSettings(batch_size=batch_size, report_batch_item_failures=True))
    line.put([*bad(1), to_record(1)])
    assert line.run(10) == []
    assert (len(line.set_aside), len(line.publisher.log), line.mapping.pending()) == (1, 1, [])


@pytest.mark.parametrize("factor", [1, 2, 16])
def test_limit__stops_where_every_record_is_bad(factor: int) -> None:
    """However often Lambda halves the batch, no more than the limit is set aside, and the errors say what to do."""
    line = Line(
        MappingSettings(batch_size=factor, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    line.put(bad(100))
    errors = line.run(200)
    assert (len(line.set_aside), len(line.mapping.pending())) == (MOST, 100 - MOST)
    assert {type(error) for error in errors} == {Misconfigured}
    assert "raise DEAD_LETTER_LIMIT" in str(errors[-1])


def test_limit__grants_a_new_instance_no_more_than_its_own() -> None:
    """Ten new instances, each failing for a hundred invocations, set aside ten times the limit and no more."""
    line = Line()
    line.put(bad(1000))
    for _ in range(10):
        line.begin_anew()
        line.run(100)
    assert len(line.set_aside) == 10 * MOST


def mixed(count: int, good: Sequence[int]) -> list[Record]:
    """Records of which only those of these numbers can be read."""
    return [to_record(number) if number in good else to_unreadable_record(number) for number in range(count)]


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__stops_where_nearly_every_record_is_bad(batch_size: int) -> None:
    """With 99 bad records in a hundred, an event delivered here and there does not empty the stream."""
    line = Line(MappingSettings(batch_size, bisect_batch_on_function_error=True, report_batch_item_failures=True))
    line.put(mixed(3000, range(0, 3000, 100)))
    errors = line.run(500)
    assert {type(error) for error in errors} == {Misconfigured}
    assert (len(line.set_aside), len(line.publisher.log)) == (MOST, 1)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__never_stops_where_a_record_is_bad_now_and_then(batch_size: int) -> None:
    """As long as ten events are delivered for each bad record, all go on, however many are dead-lettered in all."""
    line = Line(MappingSettings(batch_size, bisect_batch_on_function_error=True, report_batch_item_failures=True))
    bad_ones = range(0, 1100, 11)
    line.put(mixed(1100, [number for number in range(1100) if number not in bad_ones]))
    assert line.run(3000) == []
    assert (len(line.set_aside), len(line.publisher.log), line.mapping.pending()) == (100, 1000, [])


def test_limit__gives_nothing_back_for_what_is_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch that Kafka refuses in part, the rest is delivered at each retry, and opens no way past the limit."""
    line = Line(DEPLOYED)

    def publish_mates(messages: Sequence[Message], _: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """Delivers first what is not refused, as where those are in other partitions."""
        large = [len(message.value) > 1000 for message in messages]
        line.publisher.log += [message for message, is_large in zip(messages, large, strict=True) if not is_large]
        deliveries = [Delivery.UNKNOWN if is_large else Delivery.DELIVERED for is_large in large]
        for index in range(len(messages)):
            if large[index]:
                if not refuse(index, "MSG_SIZE_TOO_LARGE"):
                    break
                deliveries[index] = Delivery.REFUSED
        return deliveries

    monkeypatch.setattr(line.publisher, "publish", publish_mates)
    large = to_item(tuple(f"feature_{number}" for number in range(200)))
    line.put([to_record(number, item=large) for number in range(MOST + 1)])
    line.put([to_record(number) for number in range(MOST + 1, 16)])
    errors = line.run(1000)
    assert {str(error) for error in errors} == {str(errors[0])}
    assert "nothing" not in str(errors[0])  # since something was delivered
    assert len(line.set_aside) == MOST


def test_limit__goes_on_once_the_cause_is_mended() -> None:
    """What was kept in the stream is delivered by the next deployment, in order."""
    line = Line()
    line.put([to_record(number, item={"features": {"M": {"data": {"S": "?"}}}}) for number in range(10)])
    line.run(20)
    kept = line.mapping.pending()
    for record in kept:
        record["dynamodb"]["NewImage"] |= to_item()
    line.begin_anew()
    assert line.run(20) == []
    assert len(line.publisher.log) == len(kept) == 10 - MOST


def test_limit__counts_a_record_once() -> None:
    """While Kafka is away the same bad record is delivered again and again, and is no row of bad ones."""
    line = Line()
    line.put([to_record(0), *bad(1, 1), to_record(2)])
    line.publisher.reachable = False
    assert line.run(50) == []
    line.publisher.reachable = True
    assert line.run(5) == []
    assert (len(line.publisher.log), line.mapping.pending()) == (2, [])


def test_limit__holds_for_what_kafka_refuses() -> None:
    """A deployment after which every message is too large is stopped like any other."""
    line = Line()
    large = to_item(tuple(f"feature_{number}" for number in range(200)))
    line.put([to_record(number, item=large) for number in range(50)])
    errors = line.run(100)
    assert {type(error) for error in errors} == {Misconfigured}
    assert len(line.set_aside) == MOST


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
