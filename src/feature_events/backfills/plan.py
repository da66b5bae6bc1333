"""Plan a backfill: find its table and layouts before reading any item."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.backfills.request import BackfillRequest
from feature_events.errors import Misconfigured
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.tables.table import Description

_FIXED = ("table", "dry_run", "segments", "filter")
"""The fields of a request that must not change when a run is resumed."""


class Plan(NamedTuple):
    """The plan of a run."""

    request: BackfillRequest
    table_arn: str
    key_names: tuple[str, ...]
    as_of_ms: int
    """When the run started, in milliseconds since the epoch: the time of its messages and of items without a time."""


def make_plan(
    request: BackfillRequest,
    started: str,
    stored: Plan | None,
    layouts: TableLayouts,
    describe: Callable[[str], Description],
) -> Plan:
    """Plan a new run, or resume a run at the rate that is requested now.

    Args:
        request: the request.
        started: when the execution started, in ISO-8601.
        stored: the plan that the run already has, if any.
        layouts: the function's layouts.
        describe: describes a table.

    Raises:
        Misconfigured: the request differs from that of the resumed run, the table does not exist, or no layout fits it.
        Undelivered: DynamoDB did not respond.

    """
    if stored is not None:
        _check_unchanged(stored.request, request)
        return stored._replace(request=request)
    if request.run:
        raise Misconfigured(f"run {request.run} not found: omit run to start a new one")
    table = describe(request.table)
    layouts.fit_table(to_table_name(table.arn), table.key_names)
    return Plan(request, table.arn, table.key_names, round(datetime.fromisoformat(started).timestamp() * 1000))


def _check_unchanged(former: BackfillRequest, request: BackfillRequest) -> None:
    changed = [name for name in _FIXED if getattr(former, name) != getattr(request, name)]
    if changed:
        raise Misconfigured(
            f"the run was started with other values of {', '.join(changed)}: repeat them to resume the run, "
            "or omit run to start a new one"
        )
