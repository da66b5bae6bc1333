"""Test items that change while their page is announced: they are sent again, up to a number of rounds."""

from functools import partial
from typing import Any

import pytest

from feature_events.errors import Undelivered
from tests.support.announcements import Announcement, announced
from tests.support.backfills import to_scanned


def test_announce__sends_changed_items_again_until_none_changes() -> None:
    """After two writes, the last event shows the last state. An unchanged item is sent once."""
    run = Announcement(to_scanned("user-1", features=("one",)), to_scanned("user-2", features=("other",)))
    run.table.meanwhile = [
        lambda: run.table.put(to_scanned("user-1", features=("two",))),
        lambda: run.table.put(to_scanned("user-1", features=("three",))),
    ]
    assert run.announce() == announced(4, again=2)
    assert run.features == [["one"], ["other"], ["two"], ["three"]]
    assert run.table.requested == [2, 1, 1]


@pytest.mark.parametrize(
    "change",
    [{"features": ("age",)}, {"compute_id": "another"}, {"updated_at": "2025-10-10T12:34:57Z"}],
    ids=["features", "compute id", "time"],
)
def test_announce__sends_items_with_another_event_again(change: Any) -> None:  # noqa: ANN401  # an item's part
    """Everything that the event says counts."""
    run = Announcement(to_scanned())
    run.table.meanwhile = [lambda: run.table.put(to_scanned(**change))]
    assert run.announce() == announced(2, again=1)


@pytest.mark.parametrize(
    "change", [{"features": ("income", "age")}, {"value": 6}], ids=["order of the features", "value of a feature"]
)
def test_announce__does_not_send_the_same_event_again(change: Any) -> None:  # noqa: ANN401  # an item's part
    """DynamoDB returns the attributes of a map in any order, and an event contains no values."""
    run = Announcement(to_scanned(features=("age", "income"), value=5))
    run.table.meanwhile = [lambda: run.table.put(to_scanned(**{"features": ("age", "income"), **change}))]
    assert run.announce() == announced(1)


def test_announce__gives_a_state_that_returns_another_id() -> None:
    """A consumer that drops duplicates would otherwise end with the state in between."""
    run = Announcement(to_scanned(features=("one",)))
    run.table.meanwhile = [
        lambda: run.table.put(to_scanned(features=("two",))),
        lambda: run.table.put(to_scanned(features=("one",))),
    ]
    assert run.announce() == announced(3, again=2)
    assert run.features == [["one"], ["two"], ["one"]]
    assert len({event["event_id"] for event in run.events}) == 3


def test_announce__does_not_send_deleted_items_again() -> None:
    """A deleted item has no state to announce."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"))
    run.table.meanwhile = [lambda: run.table.delete(to_scanned("user-1"))]
    assert run.announce() == announced(2)


def test_announce__ends_if_a_changed_item_has_no_event() -> None:
    """Its live record has no event either. The item counts by the outcome of its earlier state."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"))

    def spoil() -> None:
        run.table.put(to_scanned("user-1", item={"features": {"S": "age"}}))
        run.table.put(to_scanned("user-2", item={"text": {"S": "no features"}}))

    run.table.meanwhile = [spoil]
    assert run.announce() == announced(2)


def test_announce__counts_items_that_keep_changing() -> None:
    """The number of rounds is limited. The live event of the next write has a later message timestamp."""
    run = Announcement(to_scanned("user-1", compute_id="0"), to_scanned("user-2"))
    run.table.meanwhile = [
        partial(run.table.put, to_scanned("user-1", compute_id=str(number))) for number in range(1, 50)
    ]
    assert run.announce() == announced(22, again=20)._replace(still_changing=1)
    assert [event["compute_id"] for event in run.events[2:]] == [str(number) for number in range(1, 21)]
    assert len({event["event_id"] for event in run.events}) == 22


def test_announce__does_not_count_items_that_stop_changing_in_the_last_round() -> None:
    """The last event shows the last state."""
    run = Announcement(to_scanned(compute_id="0"))
    run.table.meanwhile = [partial(run.table.put, to_scanned(compute_id=str(number))) for number in range(1, 21)]
    assert run.announce() == announced(21, again=20)


def test_announce__raises_if_a_changed_item_is_not_acknowledged() -> None:
    """Later rounds need acknowledgements as well."""
    run = Announcement(to_scanned(compute_id="1"))

    def write() -> None:
        run.table.put(to_scanned(compute_id="2"))
        run.publisher.reachable = False

    run.table.meanwhile = [write]
    with pytest.raises(Undelivered, match="did not acknowledge"):
        run.announce()
