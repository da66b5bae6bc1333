"""Test indexing a partition in steps, with checkpoints, removed messages and other workers."""

from collections.abc import Mapping
from typing import override

import pytest

from feature_events.backfills.looks import Looks
from feature_events.deadline import Deadline
from feature_events.epoch import to_iso
from feature_events.errors import Undelivered
from feature_events.topic.reader import Offsets
from feature_events.topic_index.index import merge_bucket, read_index
from feature_events.topic_index.look import Look, plan_first_look, plan_next_look
from feature_events.topic_index.store import IndexStore, PartitionProgress
from feature_events.topic_index.work import IndexWorker
from tests.support.audits import MemoryFolder, MemoryReader, MemoryTopic, make_decoder
from tests.support.backfills import MemoryCheckpoints, to_plan, to_scanned
from tests.support.pipelines import encode, encode_scanned
from tests.support.records import CREATED, to_record

LONG = Deadline(1e9)
STARTED_MS = 1_800_000_000_000


class Indexed:
    """A topic, and its index in memory."""

    def __init__(self, partitions: int = 1) -> None:
        self.topic = MemoryTopic(partitions)
        self.folder = MemoryFolder()
        self.store = IndexStore(self.folder)
        self.reader = MemoryReader(self.topic)

    def write(self, *numbers: int) -> None:
        """Append the events of changes of different items."""
        for number in numbers:
            self.topic.append(encode(to_record(number, entity=f"user-{number}")).message)

    def plan(self, since_ms: int = 0) -> Look:
        """Plan the first look at everything, or at the events since a time."""
        plan = to_plan(missing_only=True, since=to_iso(since_ms) if since_ms else None)
        looks = Looks("run", plan, self.store, MemoryCheckpoints())
        looks.begin(self.reader, STARTED_MS, LONG)
        return looks.read(0)

    def work(
        self, look: Look, partition: int = 0, seconds: float = 1e9, most_entries: int = 100, invocation: str = "a"
    ) -> bool:
        """Index a partition in one invocation."""
        decoder, deadline = make_decoder(), Deadline(seconds)
        worker = IndexWorker(look, self.reader, decoder, self.store, "all", ["item"], invocation, most_entries)
        return worker.work(partition, deadline, LONG)

    def find_known_since(self, look: Look) -> int:
        """Index all partitions, and return the time since which the index is complete."""
        for partition in look.partitions:
            assert self.work(look, partition)
        merge_bucket(self.store, look, 0)
        return read_index(self.store, look).known_since_ms


def to_ms(number: int) -> int:
    """Return the message timestamp of a change."""
    return (CREATED + number) * 1_000


def test_work__reads_a_partition_to_its_end() -> None:
    """Each object of entries has its own name, and the counts of all buckets."""
    indexed = Indexed()
    indexed.write(*range(5))
    look = indexed.plan()
    assert indexed.work(look, most_entries=2)
    progress = indexed.store.read_progress(look, 0)
    assert (progress.offset, progress.events, progress.attempt) == (5, 5, 1)
    assert [each.name for each in progress.stored] == ["0/0/1-0-a", "0/0/1-1-a", "0/0/1-2-a"]
    assert [each.counts for each in progress.stored] == [[2], [2], [1]]
    assert merge_bucket(indexed.store, look, 0) == 5


def test_work__stops_at_the_deadline_and_resumes() -> None:
    """A message that was read before the deadline is stored."""
    indexed = Indexed()
    indexed.write(*range(3))
    look = indexed.plan()
    assert not indexed.work(look, seconds=0.0)
    assert indexed.store.read_progress(look, 0).offset == 0
    assert indexed.work(look)
    assert indexed.work(look)  # a complete partition is not read again
    assert indexed.store.read_progress(look, 0).attempt == 2


def test_work__does_not_read_beyond_the_look() -> None:
    """Later events belong to a later look."""
    indexed = Indexed()
    indexed.write(0)
    look = indexed.plan()
    indexed.write(1)
    assert indexed.work(look)
    assert indexed.store.read_progress(look, 0).events == 1


def test_work__refuses_to_replace_the_progress_of_another_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of a stopped execution may still be running."""
    indexed = Indexed()
    indexed.write(0)
    look = indexed.plan()
    former = indexed.store.read_progress(look, 0)
    read = indexed.store.read_progress
    answers = [former, former._replace(attempt=7)]
    monkeypatch.setattr(indexed.store, "read_progress", lambda *place: answers.pop(0) if answers else read(*place))
    with pytest.raises(Undelivered, match="partition 0 is being indexed by another worker"):
        indexed.work(look)


def test_work__does_not_replace_the_entries_of_a_simultaneous_worker() -> None:
    """Two invocations that begin at the same time have the same number."""
    indexed = Indexed()
    indexed.write(0)
    look = indexed.plan()
    for invocation in ("a", "b"):
        indexed.store.write_progress(look, 0, PartitionProgress(0))
        assert indexed.work(look, invocation=invocation)
    assert {"index/0/0/1-0-a", "index/0/0/1-0-b"} < indexed.folder.objects.keys()


def test_known_since__is_the_oldest_message() -> None:
    """Nothing was removed from any partition, so the oldest message of all partitions counts."""
    indexed = Indexed(2)
    indexed.write(3, 1, 2)
    assert indexed.find_known_since(indexed.plan()) == min(to_ms(1), to_ms(2), to_ms(3))


def test_known_since__is_the_oldest_message_after_a_removal() -> None:
    """An entity of this partition may have had an event that was removed, even in the second of that message."""
    indexed = Indexed(2)
    indexed.write(*range(10))
    log = indexed.topic.logs[0]
    log.remove(2)
    assert indexed.find_known_since(indexed.plan()) == log.messages[0].timestamp_ms + 999


def test_known_since__is_the_start_if_a_partition_is_empty() -> None:
    """All messages of the partition were removed, so no item can be missing."""
    indexed = Indexed()
    indexed.write(0)
    indexed.topic.logs[0].remove(1)
    assert indexed.find_known_since(indexed.plan()) == STARTED_MS + 999


def test_known_since__includes_messages_that_were_removed_during_the_run() -> None:
    """The topic's retention can overtake a worker, or remove all that it has not read yet."""
    indexed = Indexed()
    indexed.write(*range(4))
    look = indexed.plan()
    indexed.topic.logs[0].remove(2)
    assert indexed.find_known_since(look) == to_ms(2) + 999
    indexed = Indexed()
    indexed.write(*range(4))
    look = indexed.plan()
    indexed.topic.logs[0].remove(4)
    assert indexed.find_known_since(look) == STARTED_MS + 999


def test_known_since__is_since() -> None:
    """The topic is read from then on."""
    indexed = Indexed()
    indexed.write(*range(4))
    look = indexed.plan(to_ms(2))
    assert look.ranges == {0: (2, 4)}
    assert indexed.find_known_since(look) == to_ms(2)


def test_known_since__is_the_oldest_message_after_offsets_without_one() -> None:
    """The oldest offset can be that of a message that was compacted, and `since` can be before the oldest message."""

    class CompactedReader(MemoryReader):
        @override
        def find_offsets(self, deadline: Deadline) -> Mapping[int, Offsets]:
            return {
                each: Offsets(found.oldest - 1, found.end) for each, found in super().find_offsets(deadline).items()
            }

    indexed = Indexed()
    indexed.reader = CompactedReader(indexed.topic)
    indexed.write(*range(4))
    indexed.topic.logs[0].remove(2)
    assert indexed.find_known_since(indexed.plan(to_ms(0))) == to_ms(2) + 999


def test_known_since__is_since_in_whole_seconds() -> None:
    """Message timestamps are rounded down, so a write in the second of `since` may have an event before it."""
    indexed = Indexed()
    indexed.write(*range(4))
    assert indexed.find_known_since(indexed.plan(to_ms(2) + 200)) == to_ms(3)


def test_work__skips_late_events_from_before_since() -> None:
    """A redriven event is not current: a newer one may be in the part of the topic that is not read."""
    indexed = Indexed()
    indexed.write(0, 1, 5)
    late = encode(to_record(2, entity="user-1")).message
    indexed.topic.append(late)
    look = indexed.plan(to_ms(3))
    assert look.ranges == {0: (2, 4)}
    assert indexed.work(look)
    assert merge_bucket(indexed.store, look, 0) == 1


def test_known_since__is_0_for_an_empty_topic() -> None:
    """Nothing was ever removed from it."""
    indexed = Indexed()
    assert indexed.find_known_since(indexed.plan()) == 0


@pytest.mark.parametrize(
    ("numbers", "read_at", "is_behind"),
    [((), 10, False), ((9,), 10, True), ((9, 10), 10, False), ((11,), 10, False)],
    ids=["quiet", "late", "caught up", "in time"],
)
def test_is_behind__depends_on_live_events_after_the_reads(
    numbers: tuple[int, ...],
    read_at: int,
    is_behind: bool,  # noqa: FBT001  # a parameter
) -> None:
    """The events that arrived before the wait, and backfilled ones, show nothing."""
    indexed = Indexed()
    indexed.write(1)
    look = indexed.plan()
    assert indexed.work(look)
    indexed.write(20)
    live_from = {0: 2}
    indexed.write(*numbers)
    indexed.topic.append(encode_scanned(to_scanned("user-1")).message)
    following = plan_next_look(look, live_from, to_ms(read_at) + 999, indexed.reader.find_offsets(LONG))
    indexed.store.write_look(look)
    assert following.ranges == {0: (1, 3 + len(numbers))}
    assert indexed.work(following)
    merge_bucket(indexed.store, following, 0)
    assert read_index(indexed.store, following).is_behind == is_behind


def test_plan_next_look__reads_added_partitions_from_their_beginning() -> None:
    """An entity may have moved to one."""
    look = plan_first_look({0: Offsets(0, 5)}, {0: 0}, 0, 0)
    following = plan_next_look(look, {}, 0, {0: Offsets(2, 7), 1: Offsets(0, 3)})
    assert (following.number, following.ranges) == (1, {0: (5, 7), 1: (0, 3)})


def test_plan_first_look__divides_a_large_index() -> None:
    """A bucket has at most half a million entries, up to 500 buckets."""
    numbers = (1, 500_000, 500_001, 10**10)
    looks = [plan_first_look({0: Offsets(0, number)}, {0: 0}, 0, 0) for number in numbers]
    assert [look.buckets for look in looks] == [1, 1, 2, 500]
