"""`make pause` prints the function's warnings and errors, and limits the time of the pause."""

import json
import sys

import pytest

from local.commands.pause import describe, main


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"level": "ERROR", "message": "kafka did not acknowledge", "code": "_TIMED_OUT", "meaning": "no response"},
            "ERROR: kafka did not acknowledge: _TIMED_OUT: no response",
        ),
        ({"level": "WARNING", "message": "throttled", "reason": "[x]"}, "WARNING: throttled: [x]"),
        (
            {"level": "INFO", "message": "batch handled", "table": "orders", "records": 5, "undelivered": 2},
            "orders: 2 of 5 records undelivered; Lambda retries them",
        ),
        ({"level": "INFO", "message": "batch handled", "table": "orders", "records": 5, "undelivered": 0}, None),
        ({"_aws": {}, "RecordsUndelivered": [1.0]}, None),
        ([], None),
    ],
)
def test_describe__shows_warnings_and_undelivered_batches(entry: object, text: str | None) -> None:
    """Metrics and messages about success are not shown."""
    assert describe(json.dumps(entry)) == text


def test_describe__ignores_other_lines() -> None:
    """Lambda writes its own lines."""
    assert describe("START RequestId: 1") is None


@pytest.mark.parametrize("seconds", ["0", "601", "-1", "many"])
def test_main__rejects_other_times(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped number must not suspend Kafka for hours."""
    monkeypatch.setattr(sys, "argv", ["make pause", f"--seconds={seconds}"])
    with pytest.raises(SystemExit):
        main()
    assert "seconds" in capsys.readouterr().err.lower()
