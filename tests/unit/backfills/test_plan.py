"""Test the plans of new and resumed runs."""

from typing import Any

import pytest

from feature_events.backfills.plan import Plan, make_plan
from feature_events.backfills.request import BackfillRequest
from feature_events.errors import Misconfigured
from feature_events.tables.table import Description
from tests.support.backfills import KEY_NAMES, STARTED, STARTED_MS, TABLE_ARN
from tests.support.layouts import to_layouts

REQUEST = BackfillRequest("user_feature_store", segments=7, filter={"resource_name": "nightly"})
PLAN = Plan(REQUEST, TABLE_ARN, KEY_NAMES, STARTED_MS)
LATER = "2025-11-02T00:00:00.000Z"


def plan(
    request: BackfillRequest,
    stored: Plan | None = None,
    started: str = STARTED,
    key_names: tuple[str, ...] = KEY_NAMES,
) -> Plan:
    """Plan a run on a table with these keys."""

    def describe(table: str) -> Description:
        assert table == request.table
        return Description(TABLE_ARN, key_names, None)

    return make_plan(request, started, stored, to_layouts(), describe)


def test_make_plan__describes_the_table() -> None:
    """A new plan contains the table's ARN and keys, and the start of the run."""
    assert plan(REQUEST) == PLAN


def test_make_plan__resumes_a_run() -> None:
    """The start of the run stays, since its messages have that timestamp. The rate is the requested one."""
    slower = REQUEST._replace(run="nightly-1", workers=2, events_per_second=100)
    assert plan(slower, PLAN, LATER) == PLAN._replace(request=slower)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"table": "account_feature_store"}, "table"),
        ({"dry_run": True}, "dry_run"),
        ({"segments": 8}, "segments"),
        ({"filter": None}, "filter"),
        ({"filter": None, "segments": 8}, "segments, filter"),
    ],
)
def test_make_plan__does_not_resume_a_run_with_another_request(changes: Any, names: str) -> None:  # noqa: ANN401  # fields
    """The checkpoints of the run would not match the request."""
    with pytest.raises(Misconfigured, match=f"started with other values of {names}: repeat them"):
        plan(REQUEST._replace(run="nightly-1", **changes), PLAN)


def test_make_plan__does_not_resume_an_unknown_run() -> None:
    """A misspelled name does not start a new run."""
    with pytest.raises(Misconfigured, match="run nightly-2 not found: omit run to start a new one"):
        plan(REQUEST._replace(run="nightly-2"))


def test_make_plan__requires_a_layout() -> None:
    """A table without a layout is one clear error instead of a poison item per row."""
    with pytest.raises(Misconfigured, match="no layout fits the table user_feature_store with the key attributes id"):
        plan(REQUEST, key_names=("id",))
