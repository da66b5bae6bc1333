"""Test workers: their checkpoints, interruptions and page sizes."""

from collections import Counter
from typing import Any

import pytest

from feature_events import metrics
from feature_events.backfills.checkpoints import Progress
from feature_events.backfills.plan import Plan
from feature_events.backfills.work import Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from tests.support.backfills import MemoryCheckpoints, MemoryTable, to_plan, to_scanned
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline

PAGES_OF_TWO = to_plan(segments=5, workers=5, events_per_second=2)
KEY_2 = {"bright_uid": {"S": "user-2"}, "category": {"S": "user_features"}}


class Segment:
    """The only segment of a table. Time passes only while its worker sleeps."""

    def __init__(self, *items: Any) -> None:  # noqa: ANN401  # an item
        self.table = MemoryTable(*items)
        self.publisher = FakePublisher()
        self.checkpoints = MemoryCheckpoints()
        self.clock = FakeClock()

    def work(self, plan: Plan = PAGES_OF_TWO, seconds: float = 600.0, invocation: str = "request") -> bool:
        """Continue with a new worker; return True if the segment is complete."""
        pipeline = to_pipeline(self.publisher, FakeDeadLetters())
        pace = Pace(plan.request.items_per_second, self.clock, self.sleep)
        announcement = Announcement(plan, pipeline, self.table, 12.0, invocation)
        worker = Worker(plan, announcement, self.checkpoints, pace, self.clock)
        return worker.work(0, Deadline(seconds, self.clock), Deadline(seconds + 60, self.clock))

    @property
    def progress(self) -> Progress:
        """The latest checkpoint."""
        return self.checkpoints.read(0)

    @property
    def sent(self) -> list[str]:
        """The entities of the messages in the topic."""
        return [message.key.decode() for message in self.publisher.log]

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.seconds += seconds


def users(*numbers: int) -> list[Any]:
    """Return an item for each of these users."""
    return [to_scanned(f"user-{number}") for number in numbers]


def test_work__does_not_share_ids_with_an_invocation_that_began_at_the_same_time() -> None:
    """Both have read the same checkpoint, so both have the same number."""
    segment = Segment(*users(1))
    segment.work(invocation="request-1")
    segment.checkpoints = MemoryCheckpoints()
    segment.work(invocation="request-2")
    first, second = [dict(message.headers)["ce_id"] for message in segment.publisher.log]
    assert first != second


def test_work__announces_page_by_page_to_the_end() -> None:
    """The last checkpoint contains the counts of the whole segment."""
    segment = Segment(
        *users(1, 2, 3), to_scanned("user-4", item={}), to_scanned("user-5", item={"features": {"S": ""}})
    )
    segment.table.meanwhile = [lambda: segment.table.put(to_scanned("user-1", compute_id="2"))]
    assert segment.work()
    assert segment.sent == ["user-1", "user-2", "user-1", "user-3"]
    poison = Counter({"features.data: features is not a map": 1})
    expected = Progress(None, True, 5, 4, 1, Counter(no_features=1), poison, 15.0, 1, page_items=4, pages=3)  # noqa: FBT003  # a field
    assert segment.progress._replace(read_ms=0) == expected


def test_work__writes_the_checkpoint_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the checkpoint came earlier, the next worker would skip an unfinished page. The first write is the attempt."""
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
    record(segment.table, "get_items")
    record(segment.checkpoints, "write")
    segment.work()
    assert steps == ["write", "scan", "publish", "get_items", "write"]


def test_work__writes_no_checkpoint_for_a_page_without_acknowledgement() -> None:
    """The next worker announces that page again, and no page before it."""
    segment = Segment(*users(1, 2, 3, 4))
    segment.publisher.loses = lambda message: message.key == b"user-4"
    assert not segment.work()  # there was progress, so all retries are left
    assert (segment.progress.after, segment.progress.items, segment.progress.is_complete) == (KEY_2, 2, False)
    with pytest.raises(Undelivered):
        segment.work()
    assert (segment.progress.after, segment.progress.items, segment.progress.is_complete) == (KEY_2, 2, False)
    segment.publisher.loses = lambda _: False
    assert segment.work()
    assert segment.sent == ["user-1", "user-2", "user-3", "user-3", "user-3", "user-4"]
    assert (segment.progress.items, segment.progress.delivered) == (4, 4)


def test_work__stops_between_pages_at_its_deadline() -> None:
    """The segment is not complete, and the next worker resumes it."""
    segment = Segment(*users(1, 2, 3, 4, 5))
    assert not segment.work(seconds=4.0)
    assert (segment.sent, segment.progress.after) == (["user-1", "user-2"], KEY_2)
    assert segment.work()
    assert segment.sent == [f"user-{number}" for number in range(1, 6)]
    assert [after for after, _ in segment.table.scanned[:2]] == [None, KEY_2]


def test_work__does_not_overwrite_the_checkpoint_of_another_worker() -> None:
    """A worker of a stopped execution may still be working when the run is resumed."""
    segment = Segment(*users(1, 2, 3, 4, 5))

    other = Progress(after=KEY_2, items=2, delivered=2, attempt=1)  # both began at the same time

    def resume() -> None:
        segment.checkpoints.write(0, other)

    segment.table.meanwhile = [resume]
    with pytest.raises(Undelivered, match="segment 0 is being processed by another worker"):
        segment.work()
    assert segment.progress == other
    assert segment.work()
    assert segment.progress.items == 5


def test_work__does_not_reuse_the_ids_of_a_killed_worker() -> None:
    """The item may change and change back between the two: a consumer that drops duplicates must see the last event."""
    segment = Segment(*users(1))

    def kill() -> None:
        raise KeyboardInterrupt

    segment.table.meanwhile = [kill]
    with pytest.raises(KeyboardInterrupt):
        segment.work()
    segment.table.put(to_scanned("user-1", features=("other",)))
    segment.table.meanwhile = [lambda: segment.table.put(*users(1))]
    assert segment.work()
    assert len({dict(message.headers)["ce_id"] for message in segment.publisher.log}) == len(segment.sent) == 3
    assert segment.progress.attempt == 2


def test_work__stops_if_a_later_worker_has_begun() -> None:
    """The later worker announces the page again, so the earlier one's checkpoint must not skip it."""
    segment = Segment(*users(1, 2, 3))
    later = Progress(attempt=2)
    segment.table.meanwhile = [lambda: segment.checkpoints.write(0, later)]
    with pytest.raises(Undelivered, match="segment 0 is being processed by another worker"):
        segment.work()
    assert segment.progress == later


def test_work__does_not_read_a_complete_segment() -> None:
    """Resuming a complete run sends nothing."""
    segment = Segment(*users(1, 2))
    segment.work()
    scans = len(segment.table.scanned)
    assert segment.work()
    assert (len(segment.table.scanned), segment.sent) == (scans, ["user-1", "user-2"])


@pytest.mark.parametrize(
    ("rate", "workers", "limits"),
    [(20_000, 10, [50, 100, 200, 400, 800, 1000, 1000]), (200, 10, [50, 100, 100, 100]), (1, 100, [1, 1, 1, 1])],
)
def test_work__limits_pages_by_the_rate(rate: int, workers: int, limits: list[int]) -> None:
    """A page contains what a worker may announce in five seconds: at least one item, at most a thousand."""
    segment = Segment(*users(*range(sum(limits))))
    segment.work(to_plan(segments=100, workers=workers, events_per_second=rate), seconds=3600)
    assert [limit for _, limit in segment.table.scanned] == limits


def test_work__makes_pages_smaller_if_they_take_long() -> None:
    """If the table is throttled, a page must still end before the invocation does."""
    segment = Segment(*users(*range(500)))
    plan = to_plan(segments=10, workers=10, events_per_second=10_000)
    segment.table.before_read = lambda keys: segment.sleep(keys / 2)
    segment.work(plan, seconds=100)
    assert [limit for _, limit in segment.table.scanned] == [50, 25, *[12] * 11]
    segment.work(plan, seconds=10)
    assert [limit for _, limit in segment.table.scanned[13:]] == [6, 12, 12]


def test_work__begins_with_smaller_pages_after_each_attempt_without_progress() -> None:
    """Otherwise, each attempt could send a page that it cannot finish."""
    segment = Segment(*users(*range(100)))
    segment.publisher.reachable = False
    for _ in range(7):
        with pytest.raises(Undelivered):
            segment.work(to_plan())
    assert [limit for _, limit in segment.table.scanned] == [50, 25, 12, 6, 3, 1, 1]


def test_work__counts_items_that_keep_changing() -> None:
    """One such item does not stop the run."""
    segment = Segment(*users(1, 2, 3))

    def write(_: object) -> None:
        for hot in ("user-1", "user-3"):  # on two pages
            segment.table.put(to_scanned(hot, compute_id=str(len(segment.publisher.log))))

    segment.table.before_read = write
    assert segment.work()
    assert (segment.progress.items, segment.progress.still_changing) == (3, 2)


LARGE = tuple(f"feature_{number}" for number in range(200))


def reject(*numbers: int) -> list[Any]:
    """Return an item for each of these users that Kafka rejects."""
    return [to_scanned(f"user-{number}", features=LARGE) for number in numbers]


def test_work__fails_if_kafka_rejects_many_events_in_a_row() -> None:
    """The cause is not their content. Small pages and new invocations do not hide it."""
    segment = Segment(*users(0), *reject(*range(1, 200)))
    segment.publisher = FakePublisher(message_max_bytes=1000)
    assert not any(segment.work(seconds=4.0) for _ in range(50))
    with pytest.raises(Misconfigured, match=r"Kafka rejected 100 events in a row \(MSG_SIZE_TOO_LARGE\): change"):
        segment.work(seconds=4.0)


def test_work__continues_if_kafka_rejects_some_events() -> None:
    """They are counted as poison."""
    segment = Segment(*reject(*range(90)), *users(90), *reject(*range(91, 180)))
    segment.publisher = FakePublisher(message_max_bytes=1000)
    assert segment.work()
    assert segment.progress.poison == {"Kafka rejected the event: MSG_SIZE_TOO_LARGE": 179}
    assert (segment.progress.delivered, segment.progress.is_complete) == (1, True)


def test_work__counts_repeated_events_towards_the_rate() -> None:
    """They are load for Kafka like any other event."""
    segment = Segment(*users(1, 2))
    segment.table.meanwhile = [lambda: segment.table.put(to_scanned("user-1", compute_id="2"))]
    segment.work(to_plan(workers=1, events_per_second=1))
    assert segment.clock() == 3.0


@pytest.mark.parametrize(("dry_run", "delivered"), [(False, 2), (True, 0)])
def test_work__emits_metrics_of_acknowledged_events(
    monkeypatch: pytest.MonkeyPatch,
    dry_run: bool,  # noqa: FBT001  # a parameter
    delivered: int,
) -> None:
    """A dry run counts events in its checkpoint, but not in the metric of delivered events."""
    emitted: list[Any] = []
    monkeypatch.setattr(metrics, "emit", lambda *measured: emitted.append(measured))
    segment = Segment(*users(1, 2), to_scanned("user-3", item={}))
    segment.work(to_plan(dry_run=dry_run))
    figures = {"ItemsScanned": 3, "EventsAgain": 0}
    events = {"feature_available": delivered}
    assert emitted == [(figures, "user_feature_store", {"no_features": 1}, events)]
    assert (segment.progress.delivered, len(segment.sent)) == (2, delivered)
