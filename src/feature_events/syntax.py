"""Check the syntax of text that others wrote: JSON, URLs, host names and table names."""

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

_MAX_HOST_LENGTH = 253


class InvalidValue(Exception):
    """The reasons why a value is invalid, one text each. Each follows the name of the value in a message."""


def is_plain_text(text: str) -> bool:
    """Return whether C libraries and UTF-8 accept a text: it has no NUL character and no lone surrogate."""
    return not re.search("[\x00\ud800-\udfff]", text)


is_table_name = re.compile(r"[A-Za-z0-9_.-]{3,255}").fullmatch
"""Return a match if DynamoDB allows this name for a table, else None.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""


def parse_url(text: str, *schemes: str) -> SplitResult | None:
    """Parse a URL; return None if an HTTP client would refuse it, or would not send all of it.

    The checks are stricter than `urlsplit`, which drops control characters, accepts any host, and ignores text after an
    IPv6 address and an empty port, query or fragment. For a name with an empty or a long label, `requests` raises an
    error that is not its own (urllib3's LocationParseError). A fragment is never sent.
    """
    try:
        url = urlsplit(text)
        is_valid = url.scheme in schemes and url.port != 0  # a port that is not a number raises
    except ValueError:
        return None
    address = re.fullmatch(r"([^:\[\]]+|\[[^\[\]]+\])(:[0-9]+)?", url.netloc.rpartition("@")[2])
    is_valid = is_valid and bool(address) and is_host(url.hostname or "", is_bracketed="[" in url.netloc)
    is_sent = "#" not in text and (url.query or "?" not in text)
    return url if is_valid and is_sent and re.fullmatch("[!-~]+", text) else None


def is_host(name: str, *, is_bracketed: bool) -> bool:
    """Return whether this is an IPv6 address, if brackets enclosed it, or a name with labels that DNS allows.

    https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4
    """
    if is_bracketed:
        return bool(re.fullmatch("[0-9A-Fa-f:.]+", name)) and _is_ipv6(name)
    labels = name.removesuffix(".").split(".")
    return len(name) <= _MAX_HOST_LENGTH and all(re.fullmatch("[A-Za-z0-9_-]{1,63}", label) for label in labels)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


class InvalidJson(Exception):
    """The reason why a text is not the JSON that it should be; no value is repeated."""


def parse_json(text: str | bytes, *, unique_names: bool = False) -> Any:  # noqa: ANN401  # any JSON
    """Parse a JSON document.

    Args:
        text: the document; bytes in UTF-8, UTF-16 or UTF-32.
        unique_names: whether to refuse an object in which a name occurs twice.

    Raises:
        InvalidJson: the text is not JSON, or exceeds what Python can parse.

    """
    try:
        return json.loads(text, object_pairs_hook=_to_object if unique_names else None)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"invalid JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise InvalidJson("invalid JSON (nested too deeply)") from None
    except UnicodeDecodeError:
        raise InvalidJson("invalid JSON (not valid UTF-8)") from None
    except ValueError:
        raise InvalidJson("invalid JSON (a number has too many digits)") from None


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidJson(f"{', '.join(twice)} is written twice in one object; keep one")
    return found


type Member = tuple[Callable[[Any], bool], str]
"""The check of a value, and the form that a message names."""
type Members = Mapping[str, Member]
"""What an object may contain, by name."""

FLAG: Member = (lambda value: type(value) is bool, "true or false")


def whole_number(maximum: int) -> Member:
    """Return the check for a whole number from 1 to this maximum."""
    return lambda value: type(value) is int and 1 <= value <= maximum, f"a whole number from 1 to {maximum}"


def find_mistakes(given: Mapping[str, Any], members: Members) -> list[str]:
    """Return a message for each unknown member of an object and for each invalid value."""
    unknown = [f"{name} is unknown" for name in given if name not in members]
    invalid = [
        f"{name} must be {form}"
        for name, (is_valid, form) in members.items()
        if name in given and not is_valid(given[name])
    ]
    return unknown + invalid
