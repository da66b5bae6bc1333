"""Plan a backfill: find its table and layouts before reading any item."""

import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.backfills.request import BackfillRequest, is_run
from feature_events.encoder import Encoder
from feature_events.epoch import to_iso
from feature_events.errors import Misconfigured
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.layouts.pattern import Pattern
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.tables.table import Description

_FIXED = ("table", "dry_run", "segments", "filter", "missing_only", "since")
"""The fields of a request that must not change when a run is resumed."""


class Plan(NamedTuple):
    """The plan of a run."""

    request: BackfillRequest
    table_arn: str
    key_names: tuple[str, ...]
    started_ms: int
    """When the run started, in milliseconds since the epoch. Times and ids of its events depend on it."""
    layouts: str
    """A digest of the layouts that fit the table."""
    schema: str
    """The wire-format prefix of its events, which contains the schema's id."""
    features_mode: FeaturesMode = "all"
    """How items are compared with the topic."""


def name_run(execution: str, started_ms: int) -> str:
    """Return the name of a new run: the name of its execution, and its start.

    The start tells runs apart, because an execution can have the name of one of 90 days ago.
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html

    Raises:
        Misconfigured: the execution's name has characters that a request for this run could not contain.

    """
    run = f"{execution}-{re.sub('[-:]', '', to_iso(started_ms))}"
    if not is_run(run):
        raise Misconfigured(
            f"the execution's name {execution} contains characters that a run's name cannot have: "
            "start an execution whose name has only letters, digits and _.-"
        )
    return run


def choose_run(run: str, stored: Iterable[str]) -> str:
    """Return the run that a request names, by the run's name or by that of the execution that started it.

    Args:
        run: the name in the request.
        stored: the names of stored runs.

    Returns:
        The stored run of this name, or else the newest run of this execution name, or else the given name.

    """
    starts = {name: match[1] for name in stored if (match := _match_run(name))}
    return run if run in starts else max((name for name, execution in starts.items() if execution == run), default=run)


_match_run = re.compile(r"(.+)-[0-9]{8}T[0-9]{6}\.[0-9]{3}Z").fullmatch
"""Match a name that `name_run` made. The group is the execution's name."""


def make_plan(
    request: BackfillRequest,
    started_ms: int,
    stored: Plan | None,
    encoder: Encoder,
    describe: Callable[[str], Description],
) -> Plan:
    """Plan a new run, or resume a run at the rate that is requested now.

    Args:
        request: the request.
        started_ms: when the execution started, in milliseconds since the epoch.
        stored: the plan that the run already has, if any.
        encoder: the function's encoder.
        describe: describes a table.

    Raises:
        Misconfigured: the request, the layouts or the schema differ from those of the resumed run, the table does not
            exist, or no layout fits it.
        Undelivered: DynamoDB did not respond.

    """
    if stored is not None:
        _check_unchanged(stored.request, request)
        check_encoder(stored, encoder)
        return stored._replace(request=request)
    if request.run:
        raise Misconfigured(f"run {request.run} not found: omit `run` to start a new one")
    table = describe(request.table)
    layouts = _digest_layouts(encoder.layouts, table.arn, table.key_names)
    return Plan(request, table.arn, table.key_names, started_ms, layouts, encoder.prefix.hex(), encoder.features_mode)


def check_encoder(plan: Plan, encoder: Encoder) -> None:
    """Check that the function still encodes the run's items as it did when the run started.

    Raises:
        Misconfigured: it has other layouts for the table, or another schema.

    """
    changed = {
        "layouts of this table in TableLayouts (TABLE_LAYOUTS)": plan.layouts
        != _digest_layouts(encoder.layouts, plan.table_arn, plan.key_names),
        "schema id (Schema, SCHEMA_ID)": plan.schema != encoder.prefix.hex(),
        "FeaturesMode (FEATURES_MODE)": plan.request.missing_only and plan.features_mode != encoder.features_mode,
    }
    names = " and the ".join(name for name, has_changed in changed.items() if has_changed)
    if names:
        raise Misconfigured(
            f"a deployment has changed the {names} since the run started: "
            "deploy the former values to resume the run, or omit `run` to start a new one"
        )


def _digest_layouts(layouts: TableLayouts, table_arn: str, key_names: Sequence[str]) -> str:
    fitted = layouts.fit_table(to_table_name(table_arn), key_names)
    return sha256(repr([_to_plain(each.layout) for each in fitted]).encode()).hexdigest()


def _to_plain(part: Any) -> Any:  # noqa: ANN401  # any part of a layout
    """Convert a part of a layout to a value whose `repr` is the same in every process."""
    if isinstance(part, Pattern):
        return part.text
    if isinstance(part, frozenset):
        return sorted(map(_to_plain, part))
    return [type(part).__name__, *map(_to_plain, part)] if isinstance(part, tuple) else part


def _check_unchanged(former: BackfillRequest, request: BackfillRequest) -> None:
    changed = [name for name in _FIXED if getattr(former, name) != getattr(request, name)]
    if changed:
        raise Misconfigured(
            f"the run was started with other values of {', '.join(changed)}: repeat them to resume the run, "
            "or omit `run` to start a new one"
        )
