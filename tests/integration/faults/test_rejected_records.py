"""If a broker rejects some records of a batch, only those records are dead-lettered.

Since KIP-467 a broker lists the records that it rejects. If it lists two or more, librdkafka reports the others as
`_INVALID_DIFFERENT_RECORD`, although no record of the batch was written. Only a real broker does this.
https://issues.apache.org/jira/browse/KAFKA-8729
https://cwiki.apache.org/confluence/display/KAFKA/KIP-467%3A+Augment+ProduceResponse+error+messaging+for+specific+culprit+records
By default, Kafka 4 rejects timestamps more than an hour in the future: https://issues.apache.org/jira/browse/KAFKA-14991
"""

import time
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest

from feature_events.deadline import Deadline
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from local.servers.stack import RunningStack
from local.servers.topic import create_topic
from tests.support.doubles import FakeDeadLetters
from tests.support.failures import PREFIX, Account, counts, in_memory, to_dead_letter_key
from tests.support.pipelines import to_pipeline
from tests.support.records import FIRST_NUMBER, Json, number_of, to_record
from tests.support.topics import read_topic

HOUR = 3600
COUNT, PARTITIONS = 400, 4
FAULTS = {
    "too old": (-2 * HOUR, {"message.timestamp.before.max.ms": str(HOUR * 1000)}),
    "too far ahead": (2 * HOUR, {}),
}
MOST_INVOCATIONS, MOST_MESSAGES = 3, round(1.1 * COUNT)


class Rejecting:
    """A topic that rejects the two records with an invalid timestamp."""

    def __init__(self, stack: RunningStack, fault: str) -> None:
        self.shift, config = FAULTS[fault]
        self.topic = f"rejecting-{uuid4().hex[:8]}"
        self._kafka = stack.kafka
        create_topic(stack.kafka, self.topic, PARTITIONS, config)
        self.publisher = Publisher(self.topic, {**DEFAULTS, "bootstrap.servers": stack.kafka})

    def to_record(self, number: int, bad: Sequence[int]) -> Json:
        """Create a record. The bad ones belong to one entity, and so to one partition and record batch."""
        record = to_record(number, entity="user-bad" if number in bad else f"user-{number % 40}")
        body = record["dynamodb"]
        body["ApproximateCreationDateTime"] = int(time.time()) + (self.shift if number in bad else 0)
        category = {"S": f"features_{number}"}  # each record has its own item, so none is stale
        body["Keys"]["category"] = body["NewImage"]["category"] = category
        return record

    def read_numbers(self) -> tuple[int, list[int]]:
        """Return the number of messages and the records' numbers; assert that each entity's are in order."""
        messages = read_topic(self._kafka, self.topic)
        entities: dict[bytes, list[int]] = {}
        for message in messages:
            number = int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER
            found = entities.setdefault(message.key, [])
            if number not in found:
                found.append(number)
        assert all(numbers == sorted(numbers) for numbers in entities.values())
        return len(messages), sorted(number for numbers in entities.values() for number in numbers)


@pytest.fixture(params=FAULTS)
def rejecting(stack: RunningStack, request: pytest.FixtureRequest) -> Rejecting:
    """Create the topic, for each reason to reject a record."""
    return Rejecting(stack, request.param)


@pytest.fixture
def account(rejecting: Rejecting) -> Iterator[Account[Publisher]]:
    """Run AWS in memory, with the publisher to the topic."""
    with in_memory():
        yield Account(rejecting.publisher)


@pytest.mark.parametrize("bad", [(0, 1), (137, 251)], ids=["first", "among others"])
def test_run__dead_letters_two_rejected_records(rejecting: Rejecting, bad: tuple[int, int]) -> None:
    """Two rejected records of 400 cause two dead letters and almost no retries."""
    letters = FakeDeadLetters()
    pipeline = to_pipeline(rejecting.publisher, letters)
    records = left = [rejecting.to_record(number, bad) for number in range(COUNT)]
    invocations = 0
    while left and invocations < COUNT:
        invocations += 1
        first = pipeline.run(left, Deadline(30.0)).first_undelivered
        left = [] if first is None else left[first:]
    messages, numbers = rejecting.read_numbers()
    assert [record for record, _ in letters.letters] == [records[number] for number in bad]
    assert {reason for _, reason in letters.letters} == {"Kafka rejected the event: INVALID_TIMESTAMP"}
    assert numbers == [number for number in range(COUNT) if number not in bad]
    assert (invocations <= MOST_INVOCATIONS, messages <= MOST_MESSAGES) == (True, True), (invocations, messages)


@pytest.mark.parametrize("from_batch", [True, False], ids=["on-failure batch", "dead letters"])
def test_redrive__keeps_two_rejected_records(
    rejecting: Rejecting, account: Account[Publisher], *, from_batch: bool
) -> None:
    """A redrive delivers the other records, and keeps the rejected ones as dead letters."""
    bad = (0, 1)
    records = [rejecting.to_record(number, bad) for number in range(COUNT)]
    for record in records:
        account.write(record)
    if from_batch:
        account.put_on_failure_batch(*records)
    else:
        account.put_dead_letters(*records)
    report = account.redrive(prefix="aws/lambda/" if from_batch else PREFIX)
    messages, numbers = rejecting.read_numbers()
    assert numbers == list(range(2, COUNT)), [number_of(record) for record in records[:2]]
    assert messages <= MOST_MESSAGES
    moved = 1 if from_batch else COUNT - len(bad)
    assert (report["complete"], counts(report)) == (True, {"delivered": COUNT - 2, "poison": 2, "moved": moved})
    kept = [key for key in account.keys if not key.startswith("redriven/")]
    assert kept == [to_dead_letter_key(records[number]) for number in bad]
