"""Test the whole trace of an item, with a table and a topic in memory."""

import json
import time
from collections.abc import Mapping
from typing import Any, override

import pytest

from feature_events.deadline import Deadline
from feature_events.encoder import Encoder
from feature_events.epoch import to_iso
from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.settings.settings import read_settings
from feature_events.tables.table import Description
from feature_events.topic.reader import TopicMessage, TopicReader
from feature_events.traces import trace
from feature_events.traces.report import MOST_EVENTS
from feature_events.traces.request import TraceRequest
from tests.support.backfills import KEY_NAMES, TABLE_ARN, MemoryTable, to_scanned
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode, encode_scanned
from tests.support.records import CREATED, WRITTEN, to_record
from tests.unit.traces.test_reading import OWN, PARTITIONS, FakeReader, to_message

KEY = {"bright_uid": "user-1", "category": "user_features"}
SINCE_MS = CREATED * 1000
ENVIRON = {"KAFKA_BROKER_URL": "localhost:9092", "SCHEMA_ID": "7"}
PARTITIONS_NOTE = "; if partitions were added after `since`, trace with `all_partitions`"


class Account:
    """A table and a topic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.table = MemoryTable(to_scanned())
        self.messages: list[TopicMessage] = []
        self.encoder = Encoder(to_layouts(), "all", PREFIX, CODEC)
        description = Description(TABLE_ARN, KEY_NAMES, None, dict.fromkeys(KEY_NAMES, "S"))
        monkeypatch.setattr(trace, "describe_table", lambda _: description)
        monkeypatch.setattr(trace, "Tables", lambda **_: self.table)
        monkeypatch.setattr(trace, "make_schema_reader", lambda _: lambda _: SHIPPED_SCHEMA)
        monkeypatch.setattr(trace, "TopicReader", self.open)

    def open(self, *_: object) -> TopicReader:
        """Return a reader of the topic."""

        class Reader(FakeReader):
            @override
            def __exit__(self, *_: object) -> None:
                """There is no connection to close."""

        return Reader({OWN: self.messages})

    def trace(self, key: Mapping[str, Any] = KEY, seconds: float = 10.0, **environ: str) -> Mapping[str, Any]:
        """Trace an item. The report is that of the Lambda function."""
        request = TraceRequest("user_feature_store", key, SINCE_MS)
        report = trace.trace_item(request, read_settings({**ENVIRON, **environ}), self.encoder, None, Deadline(seconds))
        found: Mapping[str, Any] = json.loads(json.dumps(report))
        return found


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Return an account with one item and an empty topic."""
    return Account(monkeypatch)


def test_trace__reports_an_announced_item(account: Account) -> None:
    """The report contains the item's event, its events in the topic, and which of them is current."""
    account.messages = [to_message(0, 0), to_message(1, 1)]
    expected = encode_scanned(to_scanned()).event._asdict()
    del expected["event_id"]
    events = [
        {
            "partition": OWN,
            "offset": number,
            "message_timestamp": f"2025-10-10T12:34:5{7 + number}.000Z",
            "sequence": f"442158450000000001745043900{number}",
            "event_id": encode(to_record(number)).event.event_id,
            "event_type": "feature_available",
            "timestamp": WRITTEN,
            "compute_id": "spark-job-0007",
            "backfilled": False,
        }
        for number in (0, 1)
    ]
    assert account.trace() == {
        "table": TABLE_ARN,
        "key": {"bright_uid": {"S": "user-1"}, "category": {"S": "user_features"}},
        "verdict": "announced",
        "reason": "the current event matches the item",
        "event": {**expected, "features": ["age", "income"]},
        "no_event": None,
        "current": {**events[1], "features": ["age", "income"]},
        "events": [{**events[0], "current": False}, {**events[1], "current": True}],
        "events_found": 2,
        "since": "2025-10-10T12:34:57.000Z",
        "partitions": PARTITIONS,
        "read": [{"partition": OWN, "from": 0, "to": 2, "end": 2}],
        "complete": True,
    }


def test_trace__reports_an_outdated_item(account: Account) -> None:
    """The reason names what differs."""
    account.messages = [to_message(0, 0)]
    account.table.put(to_scanned(features=("age",)))
    report = account.trace()
    assert report["verdict"] == "outdated"
    assert report["reason"] == "the current event differs from the item in features" + PARTITIONS_NOTE


def test_trace__reports_a_missing_item(account: Account) -> None:
    """An item that was written just now may only be late."""
    account.table.put(to_scanned(updated_at="2025-10-10T13:00:00Z"))
    report = account.trace()
    text = "the item was written after `since`, and the topic has no event about it"
    assert (report["verdict"], report["reason"]) == ("missing", text + PARTITIONS_NOTE)
    account.table.put(to_scanned(updated_at=to_iso(time.time_ns() // 1_000_000)))
    assert "so its event might not have arrived yet" in account.trace()["reason"]
    account.table.put(to_scanned(updated_at="9999-01-01T00:00:00Z"))
    assert account.trace()["reason"] == text + PARTITIONS_NOTE


def test_trace__reports_a_removed_item(account: Account) -> None:
    """The current event names features that the item no longer has."""
    account.messages = [to_message(0, 0)]
    account.table.delete(to_scanned())
    report = account.trace(REMOVALS="events")
    assert (report["verdict"], report["event"], report["no_event"]) == ("outdated", None, "absent")
    assert "its removal was not announced" in report["reason"]
    assert "Removals is none" in account.trace(REMOVALS="none")["reason"]


def test_trace__does_not_judge_an_item_that_is_written_meanwhile(account: Account) -> None:
    """The topic may already contain the event of a later write."""
    account.messages = [to_message(0, 0)]
    account.table.meanwhile = [lambda: None, lambda: account.table.put(to_scanned(features=("b",)))]
    account.table.put(to_scanned(features=("a",)))
    report = account.trace()
    assert report["verdict"] == "unjudged"
    assert report["reason"] == "the item was written during the trace: trace it again"


def test_trace__does_not_judge_what_it_could_not_read(account: Account) -> None:
    """The report says how far the topic was read."""
    account.messages = [to_message(0, 0)]
    report = account.trace(seconds=0.0)
    assert (report["verdict"], report["complete"]) == ("unjudged", False)
    assert report["read"] == [{"partition": OWN, "from": 0, "to": 0, "end": 1}]
    assert "was not read to its end in time" in report["reason"]


def test_trace__reads_nothing_without_a_layout(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entity of the item is unknown."""
    layout = {
        "keys": {"bright_uid": "{entity_id}", "category": "orders"},
        "entity_type": "user",
        "resource_name": "r",
        "features": "data",
    }
    account.encoder = account.encoder._replace(layouts=to_layouts(layout))
    monkeypatch.setattr(trace, "TopicReader", None)
    report = account.trace()
    assert (report["verdict"], report["reason"], report["read"]) == ("unjudged", "no layout matches the item", [])


def test_trace__lists_the_last_events(account: Account) -> None:
    """The report stays below Lambda's limit for responses."""
    account.messages = [to_message(number, number) for number in range(MOST_EVENTS + 1)]
    report = account.trace()
    assert report["events_found"] == MOST_EVENTS + 1
    assert [each["offset"] for each in report["events"]] == list(range(1, MOST_EVENTS + 1))


def test_trace__rejects_the_key_of_another_table(account: Account) -> None:
    """Nothing is read."""
    with pytest.raises(Misconfigured, match="the table's key is bright_uid and category"):
        account.trace({"pk": "user-1"})
    assert account.table.requested == []
