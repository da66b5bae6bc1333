"""Read the request for a redrive.

An operator writes it by hand. An invalid request does nothing and reports every mistake.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feature_events.errors import Misconfigured
from feature_events.syntax import FLAG, Members, find_mistakes, is_plain_text, whole_number

DEFAULT_SECONDS = 45
"""The default time limit of a run: `sam remote invoke` waits for one minute, then it invokes again."""
MAX_SECONDS = 700
"""The maximum time limit of a run. With its last chunk, the run stays within Lambda's maximum timeout."""


class RedriveRequest(NamedTuple):
    """The fields of a request, by their public names."""

    prefix: str | None = None
    """Redrive all objects with this prefix."""
    keys: Sequence[str] = ()
    """Redrive these objects."""
    dry_run: bool = False
    """Report what a run would do, without doing it."""
    force: bool = False
    """Send stale records too."""
    after: str | None = None
    """Redrive only objects after the one with this key."""
    seconds: int = DEFAULT_SECONDS
    """Start no new chunk after this time."""


def _is_text(value: object) -> bool:
    return type(value) is str and is_plain_text(value)


_MEMBERS: Members = {
    "prefix": (_is_text, "text"),
    "keys": (lambda value: type(value) is list and all(map(_is_text, value)), "a list of texts"),
    "dry_run": FLAG,
    "force": FLAG,
    "after": (_is_text, "text"),
    "seconds": whole_number(MAX_SECONDS),
}


def read_redrive_request(stored: Any, prefixes: Sequence[str]) -> RedriveRequest:  # noqa: ANN401  # any JSON
    """Read the request, whose objects must be under one of these prefixes.

    Raises:
        Misconfigured: the request is invalid; the message contains every mistake.

    """
    given: Mapping[str, Any] = stored if type(stored) is dict else {}
    mistakes = find_mistakes(given, _MEMBERS)
    if not mistakes:
        wanted = given.get("keys", [given.get("prefix", "")])
        if ("prefix" in given) == ("keys" in given):
            mistakes.append("it must contain either prefix or keys")
        elif not all(key.startswith(tuple(prefixes)) for key in wanted):
            mistakes.append(f"prefix or keys must begin with {' or '.join(prefixes)}")
    if mistakes:
        example = f'{{"prefix": "{prefixes[0]}", "dry_run": true}}'
        raise Misconfigured(f"invalid request: {'; '.join(mistakes)}; for a dry run, send {example}")
    return RedriveRequest(**given)
