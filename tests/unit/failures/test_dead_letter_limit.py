"""Test the limit on dead letters: it tolerates single bad records, but stops a stream of them."""

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
    """A pipeline, invoked by the event source mapping of the template."""

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
        """Start a new function instance."""
        self.pipeline: Pipeline = to_pipeline(self.publisher, self.letters, limit=MOST)

    def put(self, records: Sequence[Record]) -> None:
        """Write records to the stream."""
        for record in records:
            self.mapping.put("shard-1", record)

    def run(self, invocations: int) -> list[BaseException]:
        """Invoke the function up to this number of times while records are left, and return the errors."""
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
        """The sequence numbers of the dead letters."""
        return {number_of(record) for record, _ in self.letters.letters}


def bad(count: int, first: int = 0) -> list[Record]:
    """Return records that do not fit the layout."""
    return [to_unreadable_record(number) for number in range(first, first + count)]


@pytest.mark.parametrize("batch_size", [1, 16])
def test_limit__allows_a_single_bad_record(batch_size: int) -> None:
    """A bad record at the start of a stream blocks nothing, even if it is the only record of its batch."""
    deployment = Deployment(MappingSettings(batch_size=batch_size, report_batch_item_failures=True))
    deployment.put([*bad(1), to_record(1)])
    assert deployment.run(10) == []
    assert (len(deployment.dead_lettered), len(deployment.publisher.log), deployment.mapping.pending()) == (1, 1, [])


@pytest.mark.parametrize("factor", [1, 2, 16])
def test_limit__stops_a_stream_of_bad_records(factor: int) -> None:
    """The limit holds however often Lambda bisects the batch, and the error says what to do."""
    deployment = Deployment(
        MappingSettings(batch_size=factor, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    deployment.put(bad(100))
    errors = deployment.run(200)
    assert (len(deployment.dead_lettered), len(deployment.mapping.pending())) == (MOST, 100 - MOST)
    assert {type(error) for error in errors} == {Misconfigured}
    assert "raise DeadLetterLimit (DEAD_LETTER_LIMIT)" in str(errors[-1])


def test_limit__applies_to_each_instance() -> None:
    """Ten new instances with a hundred failing invocations each dead-letter ten times the limit, not more."""
    deployment = Deployment()
    deployment.put(bad(1000))
    for _ in range(10):
        deployment.restart()
        deployment.run(100)
    assert len(deployment.dead_lettered) == 10 * MOST


def mixed(count: int, good: Sequence[int]) -> list[Record]:
    """Return records of which only those with these numbers are good."""
    return [to_record(number) if number in good else to_unreadable_record(number) for number in range(count)]


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__stops_if_nearly_all_records_are_bad(batch_size: int) -> None:
    """If 99 of 100 records are bad, the few delivered events do not let the rest pass."""
    deployment = Deployment(
        MappingSettings(batch_size, bisect_batch_on_function_error=True, report_batch_item_failures=True)
    )
    deployment.put(mixed(3000, range(0, 3000, 100)))
    errors = deployment.run(500)
    assert {type(error) for error in errors} == {Misconfigured}
    assert (len(deployment.dead_lettered), len(deployment.publisher.log)) == (MOST, 1)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
def test_limit__never_stops_if_few_records_are_bad(batch_size: int) -> None:
    """With ten delivered events per bad record, processing continues, whatever the total of dead letters."""
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


def test_limit__ignores_retried_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Kafka rejects part of a batch, retries of the rest do not raise the limit."""
    deployment = Deployment(DEPLOYED)

    def publish_mates(messages: Sequence[Message], _: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """Deliver the accepted messages first, as if they were in other partitions."""
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
    assert "nothing" not in str(errors[0])  # since some events were delivered
    assert len(deployment.dead_lettered) == MOST


def test_limit__allows_delivery_after_a_fix() -> None:
    """The next deployment delivers the records that stayed in the stream, in order."""
    deployment = Deployment()
    deployment.put([to_record(number, item={"features": {"M": {"data": {"S": "?"}}}}) for number in range(10)])
    deployment.run(20)
    kept = deployment.mapping.pending()
    for record in kept:
        record["dynamodb"]["NewImage"] |= to_item()
    deployment.restart()
    assert deployment.run(20) == []
    assert len(deployment.publisher.log) == len(kept) == 10 - MOST


def test_limit__counts_a_retried_record_once() -> None:
    """While Kafka is down, retries of the same bad record do not use up the limit."""
    deployment = Deployment()
    deployment.put([to_record(0), *bad(1, 1), to_record(2)])
    deployment.publisher.reachable = False
    assert deployment.run(50) == []
    deployment.publisher.reachable = True
    assert deployment.run(5) == []
    assert (len(deployment.publisher.log), deployment.mapping.pending()) == (2, [])


def test_limit__applies_to_messages_that_kafka_rejects() -> None:
    """A deployment that makes every message too large is stopped like any other."""
    deployment = Deployment()
    large = to_item(tuple(f"feature_{number}" for number in range(200)))
    deployment.put([to_record(number, item=large) for number in range(50)])
    errors = deployment.run(100)
    assert {type(error) for error in errors} == {Misconfigured}
    assert len(deployment.dead_lettered) == MOST


def test_limit__is_separate_for_each_table() -> None:
    """Delivered events of one table do not raise the limit of another table of the same instance."""
    limit = DeadLetterLimit(1)
    limit.count("bad", "1")
    limit.give_back("good", 1000)
    assert not limit.allows("bad", "2")
    assert limit.allows("good", "2")


def test_limit__has_bounded_memory() -> None:
    """Only the latest dead letters are remembered."""
    limit = DeadLetterLimit(1)
    for number in range(11_000):
        assert limit.allows("table", str(number))
        limit.count("table", str(number))
        limit.give_back("table", EVENTS_PER_DEAD_LETTER)
    limit.count("table", "new")
    assert (limit.allows("table", "10999"), limit.allows("table", "0")) == (True, False)


def test_limit__counts_every_record_without_a_number() -> None:
    """Such records cannot be recognized as retries."""
    limit = DeadLetterLimit(2)
    for _ in range(2):
        assert limit.allows("table", None)
        limit.count("table", None)
    assert not limit.allows("table", None)


def test_run__delivers_records_before_slow_dead_letters() -> None:
    """However long dead letters take, the records before them are sent in the same invocation."""
    clock = FakeClock()
    letters = FakeDeadLetters()
    letters.put_takes = lambda: setattr(clock, "seconds", clock.seconds + 3)
    publisher = FakePublisher()
    pipeline = to_pipeline(publisher, letters)
    response = pipeline.run([to_record(0), *bad(50, 1)], Deadline(20, clock)).response()
    assert len(publisher.log) == 1
    assert response == {"batchItemFailures": [{"itemIdentifier": number_of(bad(1, 8)[0])}]}
