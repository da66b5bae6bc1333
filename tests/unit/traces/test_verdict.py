"""Test whether the topic says what an item says."""

from typing import Any

import pytest

from feature_events.epoch import to_epoch_ms
from feature_events.events.event import UNAVAILABLE, FeatureAvailabilityEvent
from feature_events.topic_index.judge import Verdict
from feature_events.traces.item import ItemState
from feature_events.traces.verdict import judge
from tests.support.backfills import to_scanned
from tests.support.pipelines import encode_scanned
from tests.support.records import WRITTEN

EVENT = encode_scanned(to_scanned()).event
WRITTEN_MS = to_epoch_ms(WRITTEN)
REMOVAL = EVENT._replace(event_type=UNAVAILABLE, features=(), compute_id="")
ITEM = ItemState(None, EVENT, "", has_own_time=True)
TIMELESS = ITEM._replace(has_own_time=False)


def judge_item(state: ItemState, current: FeatureAvailabilityEvent | None, **given: Any) -> Verdict:  # noqa: ANN401  # an argument's value
    """Return the verdict, by default for a topic that has been complete since the epoch."""
    arguments: Any = {"known_since_ms": 0, "mode": "all", "removals": "events", **given}
    return judge(state, current, **arguments).verdict


@pytest.mark.parametrize(
    ("state", "changes", "mode", "verdict"),
    [
        (ITEM, {}, "all", "announced"),
        (ITEM, {"event_id": "other"}, "all", "announced"),
        (ITEM, {"features": ("income", "age")}, "all", "announced"),
        (ITEM, {"features": ("age",)}, "all", "outdated"),
        (ITEM, {"features": ("age",)}, "changed", "announced"),
        (ITEM, {"compute_id": "other"}, "all", "outdated"),
        (ITEM, {"compute_id": "other"}, "changed", "outdated"),
        (ITEM, {"timestamp": "2025-01-01T00:00:00.000Z"}, "all", "outdated"),
        (ITEM, {"timestamp": "2025-01-01T00:00:00.000Z"}, "changed", "outdated"),
        (TIMELESS, {"timestamp": "2025-01-01T00:00:00.000Z"}, "all", "announced"),
        (ITEM, {"event_type": UNAVAILABLE}, "all", "outdated"),
    ],
)
def test_judge__compares_the_item_with_the_current_event(
    state: ItemState, changes: dict[str, Any], mode: str, verdict: str
) -> None:
    """The order of the features does not matter. The timestamp counts if it is the item's own."""
    assert judge_item(state, EVENT._replace(**changes), mode=mode) == verdict


@pytest.mark.parametrize(
    ("state", "known_since_ms", "verdict"),
    [
        (ITEM, WRITTEN_MS - 1, "missing"),
        (ITEM, WRITTEN_MS, "unjudged"),
        (ITEM, None, "unjudged"),
        (TIMELESS, 0, "unjudged"),
    ],
    ids=["written later", "written before", "unknown", "no time"],
)
def test_judge__reports_an_item_as_missing_only_if_the_topic_would_have_its_event(
    state: ItemState, known_since_ms: int | None, verdict: str
) -> None:
    """The event of an older item may have been removed, or was not read."""
    assert judge_item(state, None, known_since_ms=known_since_ms) == verdict


@pytest.mark.parametrize(
    ("obstacle", "current", "verdict"),
    [
        ("absent", None, "unjudged"),
        ("absent", REMOVAL, "announced"),
        ("absent", EVENT, "outdated"),
        ("no_features", REMOVAL, "announced"),
        ("no_features", EVENT, "outdated"),
        ("poison", None, "missing"),
        ("poison", EVENT, "outdated"),
        ("poison", REMOVAL, "outdated"),
    ],
)
def test_judge__judges_an_item_without_an_event(
    obstacle: str, current: FeatureAvailabilityEvent | None, verdict: str
) -> None:
    """The topic should contain the removal of an item that does not exist or has no features."""
    assert judge_item(ItemState(None, None, obstacle, "reason"), current) == verdict


def test_judge__explains_its_verdict() -> None:
    """The reason names what differs, without values."""
    other = EVENT._replace(features=("age",), compute_id="other")
    assert judge(ITEM, other, 0, "all", "events").reason == (
        "the current event differs from the item in features and compute_id"
    )
    removed = ItemState(None, None, "absent")
    assert judge(removed, EVENT, 0, "all", "none").reason.endswith("removals are not announced (Removals is none)")
    poison = ItemState(None, None, "poison", "features.data is not a map")
    assert "features.data is not a map" in judge(poison, None, 0, "all", "none").reason
