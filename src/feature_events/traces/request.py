"""Read the request for a trace.

An operator writes it by hand. An invalid request does nothing and reports every mistake. The errors repeat no value,
because Lambda logs them and a key identifies someone.
"""

import base64
import re
from collections.abc import Mapping
from decimal import Context, Inexact, InvalidOperation, Overflow, Subnormal
from typing import Any, NamedTuple

from feature_events.backfills.request import SINCE_FORM, is_since, is_table
from feature_events.epoch import read_iso, to_epoch_ms, to_iso
from feature_events.errors import Misconfigured
from feature_events.records.change import Item
from feature_events.syntax import FLAG, Members, find_mistakes, whole_number
from feature_events.tables.table import Description

DAY_MS = 24 * 3600 * 1000
DEFAULT_SECONDS = 45
"""The default time limit of a trace: `sam remote invoke` waits for one minute, then it invokes again."""
MAX_SECONDS = 840
"""The maximum time limit of a trace. It leaves the function time to answer before Lambda's maximum timeout."""

_EXAMPLE = '{"trace": {"table": "orders", "key": {"pk": "USER#1", "sk": "FEATURES"}}}'
_FORMS = {"S": "text", "N": "a number", "B": "binary as base64 text"}
"""The types of key attributes, and how JSON contains their values."""

_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, Subnormal])
"""DynamoDB's numbers: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""


class TraceRequest(NamedTuple):
    """The fields of a request, by their public names."""

    table: str
    """The table's name or ARN."""
    key: Mapping[str, Any]
    """The item's key, in ordinary JSON or in DynamoDB's."""
    since_ms: int
    """Only events with this message timestamp or a later one count, in milliseconds since the epoch."""
    seconds: int = DEFAULT_SECONDS
    """Stop reading the topic after this time."""
    all_partitions: bool = False
    """Read all partitions of the topic instead of the entity's."""


_MEMBERS: Members = {
    "table": (is_table, "a table name or ARN"),
    "key": (lambda value: type(value) is dict and bool(value), "an object with the item's key attributes"),
    "since": (is_since, SINCE_FORM),
    "seconds": whole_number(MAX_SECONDS),
    "all_partitions": FLAG,
}


def read_trace_request(stored: Any, now_ms: int) -> TraceRequest:  # noqa: ANN401  # any JSON
    """Read the request.

    Args:
        stored: the request.
        now_ms: the current time, in milliseconds since the epoch.

    Raises:
        Misconfigured: the request is invalid; the message contains every mistake.

    """
    event: Mapping[str, Any] = stored if type(stored) is dict else {}
    given: Mapping[str, Any] = event["trace"] if type(event.get("trace")) is dict else {}
    mistakes = [f"{name} is unknown" for name in event if name != "trace"] + find_mistakes(given, _MEMBERS)
    mistakes += [f"{name} is missing: it must be {_MEMBERS[name][1]}" for name in ("table", "key") if name not in given]
    if mistakes:
        raise Misconfigured(f"invalid request: {'; '.join(mistakes)}; an example is {_EXAMPLE}")
    since = given.get("since") or to_iso(now_ms - DAY_MS)
    others = {name: value for name, value in given.items() if name != "since"}
    return TraceRequest(**others, since_ms=to_epoch_ms(read_iso(since)))


def read_key(given: Mapping[str, Any], table: Description) -> Item:
    """Convert the key of a request to that of a request by boto3, where binary is bytes.

    Raises:
        Misconfigured: the key is not one of this table; the message contains every mistake.

    """
    names = " and ".join(table.key_names)
    mistakes = [] if given.keys() <= {*table.key_names} else [f"key must contain only {names}"]
    found = {name: _read_value(given.get(name), table.key_types[name]) for name in table.key_names}
    mistakes += [
        f"key.{name} must be {_FORMS[table.key_types[name]]}" if name in given else f"key.{name} is missing"
        for name, value in found.items()
        if value is None
    ]
    if mistakes:
        raise Misconfigured(f"invalid request: {'; '.join(mistakes)}; the table's key is {names}")
    return {name: {table.key_types[name]: value} for name, value in found.items()}


def _read_value(given: Any, kind: str) -> str | bytes | None:  # noqa: ANN401  # any JSON
    """Return the value of a key attribute of this type, or None if it is not one."""
    if type(given) is dict:
        given = given.get(kind) if len(given) == 1 else None
        if kind == "N" and type(given) is not str:
            return None
    if kind == "N" and type(given) in (int, float):
        given = repr(given)
    if type(given) is not str or not given or re.search("[\ud800-\udfff]", given):
        return None
    if kind == "N":
        return _read_number(given)
    return _read_binary(given) if kind == "B" else str(given)


def _read_number(text: str) -> str | None:
    """Return a number in the form that DynamoDB stores, or None if it is not one of DynamoDB's numbers."""
    try:
        number = _NUMBERS.create_decimal(text).normalize(_NUMBERS)
    except ArithmeticError:
        return None
    if not number.is_finite():
        return None
    return f"{number:f}" if number else "0"  # there is a negative zero


def _read_binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except ValueError:  # binascii's error is one, too
        return None
