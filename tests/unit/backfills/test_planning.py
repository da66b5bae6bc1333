"""A plan is made before anything is read, and a run that goes on has the one that it began with."""

from typing import Any

import pytest

from feature_events.backfills.checkpoints import Plan
from feature_events.backfills.planning import make_plan
from feature_events.backfills.request import Request
from feature_events.errors import Misconfigured
from feature_events.tables.source_table import Description
from tests.support.backfills import KEY_NAMES, STARTED, STARTED_MS, TABLE_ARN, MemoryCheckpoints
from tests.support.layouts import to_layouts

BEGUN = Request("user_feature_store", segments=7, filter={"resource_name": "nightly"})
LATER = "2025-11-02T00:00:00.000Z"


def plan(
    request: Request, checkpoints: MemoryCheckpoints, started: str = STARTED, key_names: tuple[str, ...] = KEY_NAMES
) -> Plan:
    """The plan for a request; the table has these keys."""

    def describe(table: str) -> Description:
        assert table == request.table
        return Description(TABLE_ARN, key_names)

    return make_plan(request, started, checkpoints, to_layouts(), describe)


def test_make_plan__keeps_what_the_run_does() -> None:
    """The table by its ARN, its keys, and the time at which the run began."""
    checkpoints = MemoryCheckpoints()
    assert plan(BEGUN, checkpoints) == checkpoints.plan == Plan(BEGUN, TABLE_ARN, KEY_NAMES, STARTED_MS)


def test_make_plan__goes_on_with_the_same_run() -> None:
    """Its time stays the run's first, which its messages have; the pace is the one now asked for."""
    checkpoints = MemoryCheckpoints()
    plan(BEGUN, checkpoints)
    slower = BEGUN._replace(run="nightly-1", workers=2, events_per_second=100)
    expected = Plan(slower, TABLE_ARN, KEY_NAMES, STARTED_MS)
    assert plan(slower, checkpoints, LATER) == checkpoints.plan == expected


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"table": "account_feature_store"}, "began with another table:"),
        ({"dry_run": True}, "began with another dry_run:"),
        ({"segments": 8}, "began with another segments:"),
        ({"filter": None}, "began with another filter:"),
        ({"filter": None, "segments": 8}, "began with another segments, filter:"),
    ],
)
def test_make_plan__does_not_go_on_with_another_request(other: Any, text: str) -> None:  # noqa: ANN401  # fields
    """Its checkpoints would say of one thing what was done of another."""
    checkpoints = MemoryCheckpoints()
    begun = plan(BEGUN, checkpoints)
    with pytest.raises(Misconfigured, match=text):
        plan(BEGUN._replace(run="nightly-1", **other), checkpoints)
    assert checkpoints.plan == begun


def test_make_plan__does_not_go_on_with_an_unknown_run() -> None:
    """A name that is mistyped begins nothing."""
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Misconfigured, match="no run nightly-2 to go on with: leave run out"):
        plan(BEGUN._replace(run="nightly-2"), checkpoints)
    assert checkpoints.plan is None


def test_make_plan__needs_a_layout() -> None:
    """A table that no layout fits is one clear error, and not a hundred million refused items."""
    checkpoints = MemoryCheckpoints()
    with pytest.raises(Misconfigured, match="no layout fits the table user_feature_store with the key attributes id"):
        plan(BEGUN, checkpoints, key_names=("id",))
    assert checkpoints.plan is None
