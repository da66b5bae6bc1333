"""A time that is a number is written as events have times."""

import pytest

from feature_events.epoch import LATEST_MS, Unit, read_number, to_iso


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("1728561661", "s", "2024-10-10T12:01:01.000Z"),
        ("1728561661.5", "s", "2024-10-10T12:01:01.500Z"),
        ("1.728561661E9", "s", "2024-10-10T12:01:01.000Z"),
        ("1728561661123", "ms", "2024-10-10T12:01:01.123Z"),
        ("1728561661123999", "us", "2024-10-10T12:01:01.123Z"),
        ("0", "s", "1970-01-01T00:00:00.000Z"),
        ("-1", "ms", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_read_number__is_cut_off_to_milliseconds(text: str, unit: Unit, expected: str) -> None:
    """Of whichever unit, with a fraction or an exponent."""
    assert read_number(text, unit) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "Infinity", "-Infinity", "1E+99999", "-99999999999999999", "9" * 5000]
)
def test_read_number__is_empty_where_there_is_no_time(text: str, unit: Unit) -> None:
    """Neither a word nor a number beyond the calendar is a time."""
    assert read_number(text, unit) == ""


@pytest.mark.parametrize("epoch_ms", [LATEST_MS, LATEST_MS + 1])
def test_to_iso__ends_with_the_calendar(epoch_ms: int) -> None:
    """The latest time is the last millisecond of the year 9999."""
    assert to_iso(epoch_ms) == "9999-12-31T23:59:59.999Z"
