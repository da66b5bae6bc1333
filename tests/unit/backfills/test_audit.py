"""Test the first look at scanned items and the later looks at candidates."""

from typing import Any

import pytest

from feature_events.backfills.audit import LAST_LOOK, Comparison, FirstLook, SecondLook
from feature_events.backfills.work import Announcement, Pace, Pages, Worker
from feature_events.deadline import Deadline
from feature_events.encoder import Encoded
from feature_events.topic_index.judge import Judge, Verdict
from feature_events.topic_index.store import IndexStore
from tests.support.audits import MemoryFolder
from tests.support.backfills import MemoryCheckpoints, MemoryTable, to_plan, to_scanned
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline

LONG = Deadline(1e9)


class FixedJudge(Judge):
    """A judge whose verdicts are given."""

    def __init__(self) -> None:
        self.verdicts: dict[str, Verdict] = {}

    def judge(self, encoded: Encoded) -> Verdict:
        """Return the verdict on this entity."""
        return self.verdicts.get(encoded.event.entity_id, Verdict.ANNOUNCED)


class Audit:
    """A table, its looks, and what they send."""

    def __init__(self, *items: Any, **request: Any) -> None:  # noqa: ANN401  # items and the request's fields
        self.table = MemoryTable(*items)
        self.judge = FixedJudge()
        self.publisher = FakePublisher()
        self.plan = to_plan(missing_only=True, **request)
        self.store = IndexStore(MemoryFolder())
        self.looks = [MemoryCheckpoints() for _ in range(LAST_LOOK + 1)]

    def look(self, number: int, *, is_behind: bool = False) -> dict[str, int]:
        """Perform a look, and return its verdicts."""
        comparison = Comparison(number, self.judge, self.store, is_behind)
        announcement = Announcement(
            self.plan, to_pipeline(self.publisher, FakeDeadLetters()), self.table, 12.0, "request-1"
        )
        first = FirstLook(announcement, comparison)
        pages: Pages = SecondLook(announcement, comparison, self.looks[number - 1]) if number else first
        clock = FakeClock()
        pace = Pace(1e9, clock, lambda _: None)
        worker = Worker(self.plan, pages, self.looks[number], pace, clock, lambda: 7.5)
        assert worker.work(0, LONG, LONG)
        return dict(self.looks[number].read(0).verdicts)

    @property
    def sent(self) -> list[str]:
        """The entities of the sent events."""
        return [message.key.decode() for message in self.publisher.log]


def test_first_look__sends_nothing_and_keeps_candidates() -> None:
    """Only items that differ are looked at again. The time of the last read is stored."""
    audit = Audit(*(to_scanned(f"user-{number}") for number in range(4)))
    audit.judge.verdicts = {"user-1": Verdict.MISSING, "user-2": Verdict.OUTDATED, "user-3": Verdict.UNJUDGED}
    assert audit.look(0) == {"announced": 1, "unjudged": 1}
    progress = audit.looks[0].read(0)
    assert (audit.sent, progress.candidates, progress.read_ms) == ([], ("0-1-0-request-1",), 7_500)
    keys = [each.keys["bright_uid"]["S"] for each in audit.store.read_candidates(0, "0-1-0-request-1")]
    assert keys == ["user-1", "user-2"]


def test_second_look__sends_what_still_differs() -> None:
    """An item that the topic has now is announced."""
    audit = Audit(*(to_scanned(f"user-{number}") for number in range(3)))
    audit.judge.verdicts = dict.fromkeys(("user-0", "user-1"), Verdict.MISSING) | {"user-2": Verdict.OUTDATED}
    audit.look(0)
    audit.judge.verdicts["user-0"] = Verdict.ANNOUNCED
    assert audit.look(1) == {"announced": 1, "missing": 1, "outdated": 1}
    assert sorted(audit.sent) == ["user-1", "user-2"]
    assert audit.looks[1].read(0).candidates == ()


def test_second_look__counts_in_a_dry_run() -> None:
    """Nothing is sent."""
    audit = Audit(to_scanned(), dry_run=True)
    audit.judge.verdicts = {"user-1": Verdict.MISSING}
    audit.look(0)
    assert audit.look(1) == {"missing": 1}
    assert (audit.sent, audit.looks[1].read(0).delivered) == ([], 1)


def test_second_look__keeps_an_item_that_has_changed() -> None:
    """The live event of the change might be on its way. The next look finds the item unchanged."""
    audit = Audit(to_scanned())
    audit.judge.verdicts = {"user-1": Verdict.OUTDATED}
    audit.look(0)
    audit.table.put(to_scanned(value=2))
    assert audit.look(1) == {}
    assert audit.look(2) == {"outdated": 1}
    assert audit.sent == ["user-1"]


def test_second_look__keeps_everything_while_the_stream_is_late() -> None:
    """After the last look, the items are unjudged, and nothing was sent."""
    audit = Audit(to_scanned())
    audit.judge.verdicts = {"user-1": Verdict.MISSING}
    audit.look(0)
    for number in range(1, LAST_LOOK):
        assert audit.look(number, is_behind=True) == {}
    assert audit.look(LAST_LOOK, is_behind=True) == {"unjudged": 1}
    assert audit.sent == []


def test_second_look__skips_deleted_items() -> None:
    """There is nothing to announce."""
    audit = Audit(to_scanned("user-1"), to_scanned("user-2"))
    audit.judge.verdicts = dict.fromkeys(("user-1", "user-2"), Verdict.MISSING)
    audit.look(0)
    audit.table.delete(to_scanned("user-1"))
    assert audit.look(1) == {"missing": 1}
    assert dict(audit.looks[1].read(0).skipped) == {"deleted": 1}


@pytest.mark.parametrize("items", [0, 5])
def test_second_look__processes_every_page_of_candidates(items: int) -> None:
    """Each page of the scan has its own candidates."""
    audit = Audit(*(to_scanned(f"user-{number}") for number in range(items)), workers=1, events_per_second=1)
    audit.judge.verdicts = {f"user-{number}": Verdict.MISSING for number in range(items)}
    audit.look(0)
    audit.look(1)
    assert sorted(audit.sent) == [f"user-{number}" for number in range(items)]
