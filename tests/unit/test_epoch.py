"""Texts and numbers are converted to the form of time that events contain."""

import pytest

from feature_events.epoch import LATEST_MS, Unit, read_iso, read_number, to_epoch_ms, to_iso


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-10-10T12:34:56.789Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789999+00:00", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789999", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10 12:34:56", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10T18:04:56.5+05:30", "2025-10-10T12:34:56.500Z"),
        ("2025-10-10", "2025-10-10T00:00:00.000Z"),
        ("2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"),
        ("2025-02-29T23:59:59.999Z", ""),
        ("2025-04-31T00:00:00.000Z", ""),
        ("2025-12-31T00:00:00.000Z", "2025-12-31T00:00:00.000Z"),
        ("2025-12-00T00:00:00.000Z", ""),
        ("2025-12-31T24:00:00.000Z", ""),
        ("2025-12-31T23:60:00.000Z", ""),
        ("0000-12-31T23:00:00.000Z", ""),
        ("0999-12-31T23:00:00.000Z", "0999-12-31T23:00:00.000Z"),
        ("2025-W41-5T12:34:56.789Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.7Z", "2025-10-10T12:34:56.700Z"),
        ("2025-10-10T12:34:56.7+00:00", "2025-10-10T12:34:56.700Z"),
        ("2025-10-10T12:34:56,789Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10t12:34:56.789z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10t12:34:56Z", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10 12:34:56z", "2025-10-10T12:34:56.000Z"),
        ("2025-10-10t14:34:56.789+02:00", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789zz", ""),
        ("2025-10-10T12:34:56.789 z", ""),
        ("٢025-10-10T12:34:56.789Z", ""),
        ("2025-10-10T12:34:56.789Z\n", ""),
        ("2025-13-10T12:34:56Z", ""),
        ("2025-02-30T12:34:56Z", ""),
        ("0001-01-01T00:00:00+14:00", ""),
        ("9999-12-31T23:59:59-14:00", ""),
        ("2025-10-10 12:34:56.789123+00:00", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789123+0000", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T12:34:56.789123456Z", "2025-10-10T12:34:56.789Z"),
        ("2025-10-10T14:34:56.789123456+02:00", "2025-10-10T12:34:56.789Z"),
        ("20251010", "2025-10-10T00:00:00.000Z"),
        ("1736010112345", ""),
        ("1736010112", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_read_iso__normalizes_iso_8601_text(text: str, expected: str) -> None:
    """A valid time becomes UTC with milliseconds, and any other text becomes empty.

    RFC 3339 allows `t` and `z` in lower case: https://github.com/UKGovernmentBEIS/inspect_ai/issues/5369
    """
    assert read_iso(text) == expected


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
def test_read_number__cuts_to_milliseconds(text: str, unit: Unit, expected: str) -> None:
    """A number has one of three units, and may have a fraction or an exponent."""
    assert read_number(text, unit) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize(
    "text", ["", "x", "NaN", "Infinity", "-Infinity", "1E+99999", "-99999999999999999", "9" * 5000]
)
def test_read_number__returns_an_empty_text_for_anything_else(text: str, unit: Unit) -> None:
    """Neither a word nor a number outside the calendar is a time."""
    assert read_number(text, unit) == ""


@pytest.mark.parametrize("epoch_ms", [LATEST_MS, LATEST_MS + 1])
def test_to_iso__is_at_most_the_end_of_the_year_9999(epoch_ms: int) -> None:
    """ISO-8601 text cannot represent a later time."""
    assert to_iso(epoch_ms) == "9999-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1970-01-01T00:00:00.001Z", 1), ("2025-10-10T12:34:57.123Z", 1760099697123), ("1969-12-31T23:59:59.000Z", -1000)],
)
def test_to_epoch_ms__converts_an_events_timestamp(text: str, expected: int) -> None:
    """Kafka's timestamps are milliseconds since the epoch."""
    assert to_epoch_ms(text) == expected
