"""Writes times as events have them, so that all that makes one writes the same."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest time that ISO-8601 text can name."""

type Unit = Literal["s", "ms", "us"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # in UTC like all times here, and written by half the work without a zone
_TO_US = {"s": 1_000_000, "ms": 1000, "us": 1}
_MOST_US = LATEST_MS * 1000


def to_iso(epoch_ms: int) -> str:
    """Milliseconds since the epoch as ISO-8601 in UTC with milliseconds and `Z`, without a float in between."""
    seconds, milliseconds = divmod(min(epoch_ms, LATEST_MS), 1000)
    return f"{_to_text(seconds)}.{milliseconds:03}Z"


def read_number(text: str, unit: Unit) -> str:
    """A number of this unit since the epoch as `to_iso` writes it, cut off to milliseconds; empty if it is no time."""
    try:
        number: int | Decimal = int(text) if text.isdecimal() else Decimal(text)
        microseconds = number * _TO_US[unit]
        return to_iso(int(microseconds) // 1000) if -_MOST_US < microseconds < _MOST_US else ""
    except (ValueError, ArithmeticError):  # it is no number, has thousands of digits, or is before the first year
        return ""


@lru_cache(1024)  # what is written together has the same few seconds: 1 us of 2
def _to_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()
