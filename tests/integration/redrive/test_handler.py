"""Test the redrive function's response and log."""

import json

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.redrive import handler
from feature_events.settings.settings import read_settings
from tests.support.doubles import FakeContext
from tests.support.failures import BUCKET, PREFIX, Answers, FakeAccount, counts, write_records
from tests.support.records import to_unreadable_record


def wire_to(account: FakeAccount, monkeypatch: pytest.MonkeyPatch, **environ: str) -> None:
    """Let the handler use this account's pipeline and these settings."""
    settings = read_settings({"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7", **environ})
    monkeypatch.setattr("feature_events.redrive.wire", lambda: (settings, account.pipeline))


def test_handler__returns_the_report(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is the report as JSON."""
    wire_to(account, monkeypatch, FAILURE_BUCKET=BUCKET)
    account.put_dead_letters(*write_records(account, 1), to_unreadable_record(2))
    response = json.loads(json.dumps(handler({"prefix": PREFIX}, FakeContext())))  # type: ignore[arg-type]  # all that it uses
    [example] = response.pop("examples")
    assert (response, example["end"]) == (
        {
            "dry_run": False,
            "complete": True,
            "objects": 2,
            "records": 2,
            "delivered": 1,
            "skipped": 0,
            "stale": 0,
            "poison": 1,
            "unchecked": 0,
            "undelivered": 0,
            "deliverable": 0,
            "oldest": "2025-10-10T12:34:58.000+00:00",
            "moved": 1,
            "missing": 0,
            "unreadable": 0,
        },
        "poison",
    )


def test_handler__requires_a_bucket(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a bucket, there are no dead letters."""
    wire_to(account, monkeypatch)
    with pytest.raises(Misconfigured, match="set FAILURE_BUCKET"):
        handler({"prefix": PREFIX}, FakeContext())  # type: ignore[arg-type]  # all that it uses


def test_handler__logs_the_report_if_it_fails(
    account: FakeAccount, answers: Answers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that fails logs what it has done until then."""
    wire_to(account, monkeypatch, FAILURE_BUCKET=BUCKET)
    monkeypatch.setattr("feature_events.redrives.chunks.CHUNK_OBJECTS", 1)
    account.put_dead_letters(*write_records(account, 1, 2))
    seen = account.publisher.loses

    def refuse_from_now_on(message: object) -> bool:
        answers["GetObject"] = "SlowDown"
        return seen(message)  # type: ignore[arg-type]  # a message

    account.publisher.loses = refuse_from_now_on
    with pytest.raises(Undelivered, match=r"cannot be read .SlowDown."):
        handler({"prefix": PREFIX}, FakeContext())  # type: ignore[arg-type]  # all that it uses
    [report] = [record.report for record in caplog.records if record.message == "redriven"]  # type: ignore[attr-defined]  # its key
    assert (report["complete"], counts(report)) == (False, {"delivered": 1, "moved": 1})
