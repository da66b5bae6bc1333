"""Reads the request for a redrive.

A person writes it by hand, so one that is not all understood does nothing and names every mistake at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from feature_events.errors import Misconfigured
from feature_events.syntax import is_plain_text

DEFAULT_SECONDS = 45
"""How long a run goes on where the request does not say: `sam remote invoke` waits a minute, then it asks again."""
MAX_SECONDS = 700
"""With what the last chunk may take beyond that, still within the timeout that Lambda allows at most."""


class Request(NamedTuple):
    """What is asked for; the fields are the request's own names."""

    prefix: str | None = None
    """All objects whose keys begin so."""
    keys: Sequence[str] = ()
    """These objects."""
    dry_run: bool = False
    """Only says what a run would do."""
    force: bool = False
    """Sends also what is stale."""
    after: str | None = None
    """Only what comes behind the object of this key."""
    seconds: int = DEFAULT_SECONDS
    """How long to go on."""


def _is_text(value: object) -> bool:
    return type(value) is str and is_plain_text(value)


def _is_flag(value: object) -> bool:
    return type(value) is bool


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "prefix": (_is_text, "text"),
    "keys": (lambda value: type(value) is list and all(map(_is_text, value)), "a list of texts"),
    "dry_run": (_is_flag, "true or false"),
    "force": (_is_flag, "true or false"),
    "after": (_is_text, "text"),
    "seconds": (lambda value: type(value) is int and 1 <= value <= MAX_SECONDS, f"from 1 to {MAX_SECONDS}"),
}


def read_request(stored: Any, prefixes: Sequence[str]) -> Request:  # noqa: ANN401  # any JSON
    """Reads the request; what is to be redriven has to be under one of the prefixes.

    Raises:
        Misconfigured: with every mistake in it.

    """
    event: Mapping[str, Any] = stored if type(stored) is dict else {}
    mistakes = [f"{name} is not known" for name in event if name not in _FIELDS]
    mistakes += [
        f"{name} must be {what}"
        for name, (is_right, what) in _FIELDS.items()
        if name in event and not is_right(event[name])
    ]
    if not mistakes:
        wanted = event.get("keys", [event.get("prefix", "")])
        if ("prefix" in event) == ("keys" in event):
            mistakes.append("it must name either a prefix or keys")
        elif not all(key.startswith(tuple(prefixes)) for key in wanted):
            mistakes.append(f"what it names must be under {' or '.join(prefixes)}")
    if mistakes:
        example = f'{{"prefix": "{prefixes[0]}", "dry_run": true}}'
        raise Misconfigured(f"the request is invalid: {'; '.join(mistakes)}; ask for what there is by {example}")
    return Request(**event)
