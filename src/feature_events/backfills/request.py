"""Reads the request for a backfill.

A person writes it by hand, so one that is not all understood does nothing and names every mistake at once.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from feature_events.errors import Misconfigured

MAX_SEGMENTS = 500
"""What the Map's children are given and give back then has room to spare in the 256 KB that a state may pass on."""

_MAX_WORKERS = 100
_MAX_RATE = 100_000
_FILTERED = ("entity_type", "resource_name")
"""What a filter can ask for: what the table and its keys decide. Whatever else an item says can change during the run,
and the filter would then drop the later state behind the earlier one; an id must not stand in an execution's history.
"""

_is_name = re.compile(r"[A-Za-z0-9_.-]{3,255}").fullmatch
_is_table_arn = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}").fullmatch
_is_run = re.compile(r"[A-Za-z0-9_.-]{1,80}").fullmatch


class Request(NamedTuple):
    """What is asked for; the fields are the request's own names."""

    table: str
    """Its name or its ARN."""
    dry_run: bool = False
    """Only counts."""
    segments: int = 100
    """Into how many parts the table is divided; each is scanned by one worker at a time."""
    workers: int = 10
    """How many parts are worked on at the same time."""
    events_per_second: int = 2000
    """The most items that are read and announced in a second, by all workers together."""
    filter: Mapping[str, str] | None = None
    """What an event must say to be sent: its entity_type, resource_name or both."""
    run: str = ""
    """An earlier run to go on with; empty for a new one, which has the execution's name."""

    @property
    def items_per_second(self) -> float:
        """A worker's part of the rate."""
        return self.events_per_second / min(self.workers, self.segments)


def _is_whole(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 1 <= value <= most


def _is_table(value: object) -> bool:
    return type(value) is str and bool(_is_name(value) or _is_table_arn(value))


def _is_filter(value: Any) -> bool:  # noqa: ANN401  # any JSON
    if value is None:
        return True
    return type(value) is dict and bool(value) and value.keys() <= {*_FILTERED} and _are_texts(value.values())


def _are_texts(values: Any) -> bool:  # noqa: ANN401  # any JSON
    return all(type(value) is str for value in values)


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "table": (_is_table, "a table's name or its ARN"),
    "dry_run": (lambda value: type(value) is bool, "true or false"),
    "segments": (_is_whole(MAX_SEGMENTS), f"a whole number from 1 to {MAX_SEGMENTS}"),
    "workers": (_is_whole(_MAX_WORKERS), f"a whole number from 1 to {_MAX_WORKERS}"),
    "events_per_second": (_is_whole(_MAX_RATE), f"a whole number from 1 to {_MAX_RATE}"),
    "filter": (_is_filter, f"null, or an object of texts with some of {', '.join(_FILTERED)}"),
    "run": (lambda value: type(value) is str and bool(not value or _is_run(value)), "the name of an earlier run"),
}


def read_request(stored: Any) -> Request:  # noqa: ANN401  # any JSON
    """Reads the request.

    Raises:
        Misconfigured: with every mistake in it.

    """
    given: Mapping[str, Any] = stored if type(stored) is dict else {}
    mistakes = [f"{name} is not known" for name in given if name not in _FIELDS]
    mistakes += [
        f"{name} must be {what}"
        for name, (is_right, what) in _FIELDS.items()
        if name in given and not is_right(given[name])
    ]
    if "table" not in given:
        mistakes.append("table is missing: a table's name or its ARN")
    if mistakes:
        example = '{"table": "user_feature_store", "dry_run": true}'
        raise Misconfigured(f"the request is invalid: {'; '.join(mistakes)}; count what there is by {example}")
    return Request(**given)
