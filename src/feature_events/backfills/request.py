"""Read the request for a backfill.

An operator writes it by hand. An invalid request does nothing and reports every mistake.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from feature_events.epoch import read_iso, to_epoch_ms
from feature_events.errors import Misconfigured
from feature_events.syntax import FLAG, Members, find_mistakes, is_table_name, whole_number

MAX_SEGMENTS = 500
"""The inputs and results of so many segments stay far below the 256 KB that a state can pass on."""

_MAX_WORKERS = 100
_MAX_RATE = 100_000
_FILTERED = ("entity_type", "resource_name")
"""The fields that a filter may contain. They depend only on the table and the keys.

Other fields can change during a run: a filter would then drop an item's latest event after an older one was sent. An
entity id must not appear in an execution's history.
"""

_IGNORED = ("Comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")
"""Fields that the console of Step Functions and a nested start add to an execution's input.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

SINCE_FORM = "an ISO-8601 time such as 2025-11-01T00:00:00Z, not before 1970"
"""The form of `since` in messages."""

_is_table_arn = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}").fullmatch
is_run = re.compile(r"[A-Za-z0-9_.-]{1,101}").fullmatch
"""Return a match if a run can have this name, else None.

It has at most the 80 characters of an execution's name, a hyphen, and the run's start.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""


class BackfillRequest(NamedTuple):
    """The fields of a request, by their public names."""

    table: str
    """The table's name or ARN."""
    dry_run: bool = False
    """Count events without sending them."""
    segments: int = 100
    """The number of parts that the table is divided into. Each is scanned by one worker at a time."""
    workers: int = 10
    """The number of segments that are processed in parallel."""
    events_per_second: int = 2000
    """The maximum rate of all workers together."""
    filter: Mapping[str, str] | None = None
    """The entity_type, resource_name or both that an event must have to be sent."""
    run: str = ""
    """The run to resume, by its name or by that of the execution that started it; empty for a new run."""
    missing_only: bool = False
    """Announce only the items whose current state is not what the topic says; with `dry_run`, count them."""
    since: str | None = None
    """With `missing_only`, the time since which the topic is read; None for its oldest message."""

    @property
    def since_ms(self) -> int:
        """The time since which the topic is read, in milliseconds since the epoch; 0 for its oldest message."""
        return to_epoch_ms(read_iso(self.since)) if self.since else 0

    @property
    def items_per_second(self) -> float:
        """The maximum rate of one worker."""
        return self.events_per_second / min(self.workers, self.segments)


def is_table(value: object) -> bool:
    """Return whether this is a table's name or ARN."""
    return type(value) is str and bool(is_table_name(value) or _is_table_arn(value))


def is_since(value: object) -> bool:
    """Return whether this is None, or a time that Kafka can look up. It has none before 1970."""
    return value is None or (type(value) is str and bool(read_iso(value)) and to_epoch_ms(read_iso(value)) >= 0)


def _is_filter(value: Any) -> bool:  # noqa: ANN401  # any JSON
    if value is None:
        return True
    return type(value) is dict and bool(value) and value.keys() <= {*_FILTERED} and _are_texts(value.values())


def _are_texts(values: Any) -> bool:  # noqa: ANN401  # any JSON
    return all(type(value) is str for value in values)


_MEMBERS: Members = {
    "table": (is_table, "a table name or ARN"),
    "dry_run": FLAG,
    "segments": whole_number(MAX_SEGMENTS),
    "workers": whole_number(_MAX_WORKERS),
    "events_per_second": whole_number(_MAX_RATE),
    "filter": (_is_filter, f"null, or an object with {' or '.join(_FILTERED)} and their values"),
    "missing_only": FLAG,
    "since": (is_since, f"null, or {SINCE_FORM}"),
    "run": (lambda value: type(value) is str and bool(not value or is_run(value)), "the name of an earlier run"),
}


def read_backfill_request(stored: Any) -> BackfillRequest:  # noqa: ANN401  # any JSON
    """Read the request.

    Raises:
        Misconfigured: the request is invalid; the message contains every mistake.

    """
    members = stored.items() if type(stored) is dict else ()
    given: Mapping[str, Any] = {name: value for name, value in members if name not in _IGNORED}
    mistakes = find_mistakes(given, _MEMBERS)
    if given.get("since") is not None and given.get("missing_only") is not True:
        mistakes.append("since is used only with missing_only: set missing_only to true, or remove since")
    if "table" not in given:
        mistakes.append("table is missing: it must be a table name or ARN")
    if mistakes:
        example = '{"table": "user_feature_store", "dry_run": true}'
        raise Misconfigured(f"invalid request: {'; '.join(mistakes)}; for a dry run, send {example}")
    return BackfillRequest(**given)
