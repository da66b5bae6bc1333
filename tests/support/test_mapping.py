"""The model of the event source mapping behaves as AWS documents."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.doubles import FakeClock
from tests.support.mapping import EventSourceMapping, Invocation, MappingSettings, Outcome, TimedOut
from tests.support.on_failure import MemoryStore, read_on_failure
from tests.support.records import Json, number_of, to_record

REPORTING = MappingSettings(report_batch_item_failures=True)
HOUR = 3600.0


class Driven:
    """A mapping of one shard to a function with given responses, and the batches that it received."""

    def __init__(self, settings: MappingSettings, answers: Sequence[Any] = ()) -> None:
        self.clock = FakeClock(1000.0)
        self.store = MemoryStore()
        self.batches: list[list[str]] = []
        self._answers = list(answers)
        self.mapping = EventSourceMapping(self._answer, settings, self.clock, self.store)
        self.mapping.add_shard("shard-1")

    def _answer(self, event: dict[str, Any]) -> Any:  # noqa: ANN401  # any response
        self.batches.append([names(record) for record in event["Records"]])
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put(self, numbers: Sequence[int], shard: str = "shard-1") -> None:
        """Write records with these numbers, each for a separate item."""
        for number in numbers:
            self.mapping.put(shard, to_record(number, entity=f"user-{number}"))

    def step(self) -> Invocation:
        """Run one step of the first lane that is ready."""
        done = self.mapping.step(self.mapping.ready()[0])
        assert done is not None
        return done

    def finish(self) -> None:
        """Run steps until nothing is left to deliver."""
        while self.mapping.ready():
            self.mapping.step(self.mapping.ready()[0])


def names(record: Json) -> str:
    """Return the number of a record that was passed to `put`."""
    return str(record["dynamodb"]["Keys"]["bright_uid"]["S"]).removeprefix("user-")


def failed(*numbers: int) -> dict[str, list[dict[str, str]]]:
    """Make the response that reports these records."""
    return {"batchItemFailures": [{"itemIdentifier": number_of(to_record(number))} for number in numbers]}


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}], ids=["null", "{}", "null list", "[]"]
)
def test_step__accepts_a_successful_response(answer: object) -> None:
    """AWS lists four forms of success."""
    driven = Driven(REPORTING, [answer])
    driven.put(range(3))
    assert driven.step().outcome is Outcome.DONE
    assert driven.mapping.pending() == []


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrongKey": "1"}]},
        {"batchItemFailures": [{"itemIdentifier": "12345"}]},
        {"batchItemFailures": [*failed(1)["batchItemFailures"], {"itemIdentifier": "12345"}]},
        "done",
        ValueError("any exception"),
        TimedOut(),
    ],
    ids=["empty", "null", "wrong key", "not in the batch", "one unknown", "not an object", "exception", "timeout"],
)
def test_step__retries_the_whole_batch_after_a_failure(answer: object) -> None:
    """AWS lists these forms of complete failure."""
    driven = Driven(REPORTING, [answer])
    driven.put(range(3))
    assert driven.step().outcome is Outcome.FAILED
    driven.step()
    assert driven.batches == [["0", "1", "2"]] * 2


@pytest.mark.parametrize(
    ("reported", "retried"),
    [([0], ["0", "1", "2", "3"]), ([2], ["2", "3"]), ([3, 1], ["1", "2", "3"])],
    ids=["first", "one", "several"],
)
def test_step__retries_from_the_lowest_reported_record(reported: list[int], retried: list[str]) -> None:
    """The lowest sequence number is the checkpoint, whatever the order in the response."""
    driven = Driven(REPORTING, [failed(*reported)])
    driven.put(range(4))
    driven.step()
    driven.step()
    assert driven.batches[1] == retried


def test_step__ignores_a_partial_response_that_is_not_enabled() -> None:
    """Without ReportBatchItemFailures, any response means success."""
    driven = Driven(MappingSettings(), [failed(0)])
    driven.put(range(2))
    assert driven.step().outcome is Outcome.DONE


def test_step__bisects_on_an_exception() -> None:
    """An exception halves the batch down to the record that causes it. The order is kept."""
    driven = Driven(replace(REPORTING, bisect_batch_on_function_error=True), [ValueError(), ValueError(), None])
    driven.put(range(4))
    driven.finish()
    assert driven.batches == [["0", "1", "2", "3"], ["0", "1"], ["0"], ["1"], ["2", "3"]]


def test_step__splits_at_a_partial_response() -> None:
    """With bisecting and a partial response, only the records from the reported one on are retried."""
    driven = Driven(replace(REPORTING, bisect_batch_on_function_error=True), [failed(3)])
    driven.put(range(4))
    driven.finish()
    assert driven.batches == [["0", "1", "2", "3"], ["3"]]


def test_step__counts_partial_failures_towards_the_retries() -> None:
    """A repeatedly reported record goes to the on-failure destination, with all later records of the batch."""
    driven = Driven(replace(REPORTING, maximum_retry_attempts=2), [failed(1)] * 3)
    driven.put(range(3))
    assert [driven.step().outcome for _ in range(3)] == [Outcome.PARTIAL, Outcome.FAILED, Outcome.DISCARDED]
    assert [names(record) for record in read_on_failure(driven.store)] == ["1", "2"]
    assert driven.mapping.pending() == []


def test_step__does_not_count_bisecting_towards_the_retries() -> None:
    """A halved batch keeps all of its retries. A failing single record uses them."""
    settings = replace(REPORTING, bisect_batch_on_function_error=True, maximum_retry_attempts=1)
    driven = Driven(settings, [ValueError()] * 4)
    driven.put(range(4))
    driven.finish()
    assert driven.batches == [["0", "1", "2", "3"], ["0", "1"], ["0"], ["0"], ["1"], ["2", "3"]]
    assert [names(record) for record in read_on_failure(driven.store)] == ["0"]


def test_step__retries_without_a_limit() -> None:
    """-1 means unlimited retries."""
    driven = Driven(REPORTING, [ValueError()] * 50)
    driven.put([0])
    driven.finish()
    assert len(driven.batches) == 51


def test_step__discards_old_records() -> None:
    """Records older than MaximumRecordAgeInSeconds go to the destination without a retry. Later ones are delivered."""
    driven = Driven(replace(REPORTING, maximum_record_age_in_seconds=23 * 3600), [failed(0)])
    driven.put([0, 1])
    driven.step()
    driven.mapping.advance(22 * HOUR)
    driven.put([2])
    driven.mapping.advance(2 * HOUR)
    driven.finish()
    assert driven.batches == [["0", "1"], ["2"]]
    assert [names(record) for record in read_on_failure(driven.store)] == ["0", "1"]
    [document] = [json.loads(body) for body in driven.store.values()]
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"


def test_advance__trims_the_stream_after_a_day() -> None:
    """Without MaximumRecordAgeInSeconds, the stream loses records that were not delivered within 24 hours."""
    driven = Driven(REPORTING, [failed(0)])
    driven.put([0])
    driven.step()
    driven.mapping.advance(25 * HOUR)
    assert (driven.mapping.pending(), [names(record) for record in driven.mapping.trimmed]) == ([], ["0"])


def test_discard__writes_awss_document() -> None:
    """The object in S3 contains the records and the reason why they were discarded."""
    driven = Driven(replace(REPORTING, maximum_retry_attempts=0), [ValueError()])
    driven.put([4, 5])
    driven.step()
    [(key, body)] = driven.store.items()
    document = json.loads(body)
    assert key.startswith("aws/lambda/mapping/shard-1/1970/01/01/1970-01-01T00:16:40.000Z")
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 1
    assert document["DDBStreamBatchInfo"] == {
        "shardId": "shard-1",
        "startSequenceNumber": number_of(to_record(4)),
        "endSequenceNumber": number_of(to_record(5)),
        "approximateArrivalOfFirstRecord": "1970-01-01T00:16:40.000Z",
        "approximateArrivalOfLastRecord": "1970-01-01T00:16:40.000Z",
        "batchSize": 2,
        "streamArn": to_record()["eventSourceARN"],
    }
    assert document["payload"]["Records"] == [to_record(number, entity=f"user-{number}") for number in (4, 5)]


def test_step__limits_the_size_of_a_batch() -> None:
    """A batch has at most BatchSize records and 6 MB. A large record is delivered alone."""
    driven = Driven(replace(REPORTING, batch_size=3))
    driven.put(range(4))
    large = to_record(4, entity="user-4")
    large["dynamodb"]["NewImage"]["text"] = {"S": "x" * 4_000_000}
    driven.mapping.put("shard-1", large)
    driven.mapping.put("shard-1", {**large, "eventID": "other"})
    driven.finish()
    assert driven.batches == [["0", "1", "2"], ["3", "4"], ["4"]]


def test_ready__keeps_the_order_of_each_item() -> None:
    """With a ParallelizationFactor, the lanes are independent, and each item stays in one lane."""
    driven = Driven(replace(REPORTING, parallelization_factor=4, batch_size=2))
    for number in range(40):
        driven.mapping.put("shard-1", to_record(number, entity=f"user-{number % 8}"))
    lanes = driven.mapping.ready()
    assert len(lanes) > 1
    order: dict[str, list[str]] = {}
    while driven.mapping.ready():
        done = driven.mapping.step(driven.mapping.ready()[-1])
        assert done is not None
        for record in done.records:
            order.setdefault(names(record), []).append(number_of(record))
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert len(order) == 8


def test_ready__does_not_order_different_items_of_an_entity() -> None:
    """With a ParallelizationFactor, two items of an entity can be in different lanes."""
    driven = Driven(replace(REPORTING, parallelization_factor=10))
    for number in range(10):
        record = to_record(number)
        record["dynamodb"]["Keys"]["category"] = {"S": f"category-{number}"}
        driven.mapping.put("shard-1", record)
    assert len(driven.mapping.ready()) > 1


def test_ready__delivers_the_parent_shard_first() -> None:
    """A shard waits until its parent is finished."""
    driven = Driven(REPORTING)
    driven.mapping.add_shard("shard-2", parent="shard-1")
    driven.put([1], "shard-2")
    driven.put([0])
    driven.finish()
    assert driven.batches == [["0"], ["1"]]
