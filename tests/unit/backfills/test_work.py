"""A worker keeps how far it is only when all before that is acknowledged and still so, and goes on from there."""

from collections import Counter
from typing import Any

import pytest

from feature_events import metrics
from feature_events.backfills.checkpoints import Plan, Progress
from feature_events.backfills.work import Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from tests.support.backfills import MemoryCheckpoints, MemoryTable, to_plan, to_scanned
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline

PAGES_OF_TWO = to_plan(segments=5, workers=5, events_per_second=2)
KEY_2 = {"bright_uid": {"S": "user-2"}, "category": {"S": "user_features"}}


class Segment:
    """A table's only segment, whose items are worked on at a clock that goes when the worker sleeps."""

    def __init__(self, *items: Any) -> None:  # noqa: ANN401  # an item
        self.table = MemoryTable(*items)
        self.publisher = FakePublisher()
        self.checkpoints = MemoryCheckpoints()
        self.clock = FakeClock()

    def work(self, plan: Plan = PAGES_OF_TWO, seconds: float = 600.0) -> bool:
        """Lets a new worker go on; whether the segment is complete."""
        pipeline = to_pipeline(self.publisher, FakeDeadLetters())
        pace = Pace(plan.request.items_per_second, self.clock, self._sleep)
        worker = Worker(plan, pipeline, self.table, self.checkpoints, pace, self.clock, 12.0)
        return worker.work(0, Deadline(seconds, self.clock), Deadline(seconds + 60, self.clock))

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.checkpoints.read(0)

    @property
    def sent(self) -> list[str]:
        """The entities of the topic's messages."""
        return [message.key.decode() for message in self.publisher.log]

    def _sleep(self, seconds: float) -> None:
        self.clock.seconds += seconds


def users(*numbers: int) -> list[Any]:
    """Items of these users."""
    return [to_scanned(f"user-{number}") for number in numbers]


def test_work__announces_page_by_page_to_the_end() -> None:
    """The last checkpoint has the whole segment's counts."""
    segment = Segment(
        *users(1, 2, 3), to_scanned("user-4", item={}), to_scanned("user-5", item={"features": {"S": ""}})
    )
    segment.table.meanwhile = [lambda: segment.table.put(to_scanned("user-1", value=2))]
    assert segment.work()
    assert segment.sent == ["user-1", "user-2", "user-1", "user-3"]
    poison = Counter({"features.data: features is not a map": 1})
    expected = Progress(None, True, 5, 4, 1, Counter(no_features=1), poison, 15.0)  # noqa: FBT003  # a field
    assert segment.progress == expected


def test_work__checkpoints_after_acknowledgement_and_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is checkpointed earlier would be left out by whoever goes on."""
    segment = Segment(*users(1))
    steps: list[str] = []

    def record(owner: object, name: str) -> None:
        step = getattr(owner, name)

        def recorded(*args: object) -> object:
            steps.append(name)
            return step(*args)

        monkeypatch.setattr(owner, name, recorded)

    record(segment.table, "scan")
    record(segment.publisher, "publish")
    record(segment.table, "read")
    record(segment.checkpoints, "write")
    segment.work()
    assert steps == ["scan", "publish", "read", "write"]


def test_work__keeps_nothing_of_a_page_that_is_not_acknowledged() -> None:
    """The next worker announces that page again, and nothing before it."""
    segment = Segment(*users(1, 2, 3, 4))
    segment.publisher.loses = lambda message: message.key == b"user-4"
    assert not segment.work()  # it has done something, so all tries are left again
    assert (segment.progress.after, segment.progress.items, segment.progress.is_complete) == (KEY_2, 2, False)
    with pytest.raises(Undelivered):
        segment.work()
    assert (segment.progress.after, segment.progress.items, segment.progress.is_complete) == (KEY_2, 2, False)
    segment.publisher.loses = lambda _: False
    assert segment.work()
    assert segment.sent == ["user-1", "user-2", "user-3", "user-3", "user-3", "user-4"]
    assert (segment.progress.items, segment.progress.delivered) == (4, 4)


def test_work__ends_between_pages_when_its_time_is_over() -> None:
    """It says that it is not complete, and the next worker goes on where it was."""
    segment = Segment(*users(1, 2, 3, 4, 5))
    assert not segment.work(seconds=4.0)
    assert (segment.sent, segment.progress.after) == (["user-1", "user-2"], KEY_2)
    assert segment.work()
    assert segment.sent == [f"user-{number}" for number in range(1, 6)]
    assert [after for after, _ in segment.table.scanned[:2]] == [None, KEY_2]


def test_work__leaves_a_segment_to_the_worker_that_goes_on_with_it() -> None:
    """A stopped run's worker does not put an older checkpoint over a newer one, whichever of the two is behind."""
    segment = Segment(*users(1, 2, 3, 4, 5))

    def go_on() -> None:
        segment.checkpoints.write(0, Progress(after=KEY_2, items=2, delivered=2))

    segment.table.meanwhile = [go_on]
    with pytest.raises(Undelivered, match="another worker goes on with segment 0"):
        segment.work()
    assert segment.progress == Progress(after=KEY_2, items=2, delivered=2)
    assert segment.work()
    assert segment.progress.items == 5


def test_work__of_a_complete_segment_reads_nothing() -> None:
    """A run that is begun again once it is complete sends nothing new."""
    segment = Segment(*users(1, 2))
    segment.work()
    scans = len(segment.table.scanned)
    assert segment.work()
    assert (len(segment.table.scanned), segment.sent) == (scans, ["user-1", "user-2"])


@pytest.mark.parametrize(("rate", "workers", "most"), [(2000, 10, 1000), (100, 10, 50), (1, 100, 1)])
def test_work__asks_for_pages_of_some_seconds(rate: int, workers: int, most: int) -> None:
    """A page is what a worker may announce in five seconds, one item at least and a thousand at most."""
    segment = Segment(*users(1))
    segment.work(to_plan(segments=100, workers=workers, events_per_second=rate))
    assert segment.table.scanned == [(None, most)]


def test_work__paces_what_is_sent_again_too() -> None:
    """An event that is sent once more loads Kafka as any other does."""
    segment = Segment(*users(1, 2))
    segment.table.meanwhile = [lambda: segment.table.put(to_scanned("user-1", value=2))]
    segment.work(to_plan(workers=1, events_per_second=1))
    assert segment.clock() == 3.0


@pytest.mark.parametrize(("dry_run", "delivered"), [(False, 2), (True, 0)])
def test_work__emits_what_kafka_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,  # noqa: FBT001  # a parameter
    delivered: int,
) -> None:
    """A dry run counts in its checkpoint what it would send, and no metric says that it was sent."""
    emitted: list[Any] = []
    monkeypatch.setattr(metrics, "emit", lambda *measured: emitted.append(measured))
    segment = Segment(*users(1, 2), to_scanned("user-3", item={}))
    segment.work(to_plan(dry_run=dry_run))
    expected = {"ItemsScanned": 3, "EventsDelivered": delivered, "EventsAgain": 0}
    assert emitted == [(expected, "user_feature_store", {"no_features": 1})]
    assert (segment.progress.delivered, len(segment.sent)) == (2, delivered)
