"""All steps of a backfill with `missing_only`, with a topic in Kafka whose retention has removed events."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from feature_events.backfills import looks
from feature_events.errors import Misconfigured
from feature_events.events.message import Message
from feature_events.settings.settings import read_settings
from local.servers.stack import RunningStack
from tests.integration.backfill.test_handler import ENVIRON, PERSON, Machine, sent, wire_to
from tests.support.backfills import RUN, STARTED, to_scanned
from tests.support.failures import FakeAccount
from tests.support.pipelines import encode, with_encoder
from tests.support.records import CREATED, to_item, to_record

LONG = 20.0
LATER, LATEST = "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"
REQUEST = {"table": "user_feature_store", "segments": 3, "workers": 2, "events_per_second": 100_000}


class Audits(Machine):
    """The state machine of an account whose events are in a topic."""

    def __init__(self, stack: RunningStack, topic: str) -> None:
        super().__init__()
        self._stack = stack
        self._topic = topic
        self.environ = {"KAFKA_BROKER_URL": stack.kafka, "TOPIC_NAME": topic}

    def publish(self, messages: Sequence[Message], partition: int = 0) -> None:
        """Write these messages to the topic."""
        producer = Producer({"bootstrap.servers": self._stack.kafka})
        for each in messages:
            headers: Any = each.headers
            time_ms = each.timestamp_ms
            producer.produce(self._topic, each.value, each.key, partition, timestamp=time_ms, headers=headers)
        assert producer.flush(LONG) == 0

    def remove(self, partition: int, offset: int) -> None:
        """Remove the messages before this offset, as the topic's retention does."""
        admin = AdminClient({"bootstrap.servers": self._stack.kafka})
        [removed] = admin.delete_records([TopicPartition(self._topic, partition, offset)]).values()
        removed.result(LONG)

    def audit(self, started: str = STARTED, **request: Any) -> Any:  # noqa: ANN401  # the request's fields
        """Run an execution with `missing_only` to its end, and return its report."""
        body = {**REQUEST, "missing_only": True, **request}
        step = self.step(step="plan", run="nightly-1", started=started, request=body)
        while step["state"] != "report":
            common = {"run": step["run"], "look": step["look"]}
            for partition in step["partitions"]:
                work: Any = {"complete": False, "step": "index", **common, "partition": partition}
                while not work["complete"]:
                    work = self.step(**work)
            for bucket in step["buckets"]:
                self.step(step="merge", **common, bucket=bucket)
            for segment in step["segments"]:
                work = {"complete": False, "step": "work", **common, "segment": segment}
                while not work["complete"]:
                    work = self.step(**work)
            step = self.step(step="look", **common)
        return self.step(step="report", run=step["run"])


@pytest.fixture
def audits(
    account: FakeAccount, stack: RunningStack, topic: Callable[[int], str], monkeypatch: pytest.MonkeyPatch
) -> Audits:
    """Return a state machine whose function reads a new topic. It does not wait between two looks."""
    name = topic(2)
    audits = Audits(stack, name)
    wire_to(account, monkeypatch, **audits.environ)
    monkeypatch.setattr(looks, "SETTLE_SECONDS", 0.0)
    return audits


def to_time(number: int) -> str:
    """Return the time of a change, half a second after it."""
    return datetime.fromtimestamp(CREATED + number + 0.5, UTC).isoformat(timespec="milliseconds")


def write(account: FakeAccount, *numbers: int, **parts: Any) -> list[Message]:  # noqa: ANN401  # an item's parts
    """Write items, each with its own time, and return the messages of their changes."""
    messages = []
    for number in numbers:
        item = to_item(**{"updated_at": to_time(number), **parts})
        entity = f"{PERSON}{number}"
        account.dynamodb.put_item(TableName="user_feature_store", Item=to_scanned(entity, item=item))
        messages.append(encode(to_record(number, entity=entity, item=item)).message)
    return messages


def counts(report: Any) -> tuple[int, ...]:  # noqa: ANN401  # a report
    """Return the counts of a report."""
    names = ("items", "announced", "missing", "outdated", "unjudged", "delivered", "deliverable")
    return tuple(report[name] for name in names)


def test_missing_only__announces_what_the_topic_does_not_say(account: FakeAccount, audits: Audits) -> None:
    """A dry run counts. A run sends the missing and outdated items only."""
    audits.publish(write(account, *range(6)))
    write(account, 6, 7)
    write(account, 2, compute_id="another")
    dry = audits.audit(dry_run=True)
    assert counts(dry) == (8, 5, 2, 1, 0, 0, 3)
    assert sent(account) == []
    report = audits.audit(LATER)
    assert counts(report) == (8, 5, 2, 1, 0, 3, 0)
    assert sent(account) == [f"{PERSON}{number}" for number in (2, 6, 7)]
    audits.publish(account.publisher.log)
    assert counts(audits.audit(LATEST, dry_run=True)) == (8, 8, 0, 0, 0, 0, 0)


def test_missing_only__judges_no_item_whose_event_may_have_been_removed(account: FakeAccount, audits: Audits) -> None:
    """The topic's retention has removed half of the events. Only an item that is newer than the oldest is missing."""
    audits.publish(write(account, *range(10)))
    audits.remove(0, 5)
    write(account, 20)
    assert counts(audits.audit(dry_run=True)) == (11, 5, 1, 0, 5, 0, 1)


def test_missing_only__reads_the_topic_since_a_time(account: FakeAccount, audits: Audits) -> None:
    """Older items are not judged, even if they were never announced."""
    audits.publish(write(account, *range(4)))
    write(account, 4, 9)
    assert counts(audits.audit(dry_run=True, since=to_time(6))) == (6, 0, 1, 0, 5, 0, 1)


def test_missing_only__finds_that_a_removal_is_not_current(account: FakeAccount, audits: Audits) -> None:
    """The item exists again, and its event was lost."""
    audits.publish(write(account, 0))
    removal = to_record(5, entity=f"{PERSON}0", kind="REMOVE", old=to_item())
    audits.publish([encode(removal, removals="events").message])
    assert counts(audits.audit(dry_run=True)) == (1, 0, 0, 1, 0, 0, 1)


def test_missing_only__skips_deleted_candidates(
    account: FakeAccount, audits: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that is deleted between two looks needs no event of its former state."""
    audits.publish(write(account, 0))
    item = to_scanned(f"{PERSON}1", updated_at=to_time(1))
    write(account, 1)
    step = audits.step

    def delete_before_look(milliseconds: int = 900_000, **event: Any) -> Any:  # noqa: ANN401  # the step's fields
        if event["step"] == "look":
            keys = {name: item[name] for name in ("bright_uid", "category")}
            account.dynamodb.delete_item(TableName="user_feature_store", Key=keys)
        return step(milliseconds, **event)

    monkeypatch.setattr(audits, "step", delete_before_look)
    report = audits.audit()
    assert (counts(report), report["skipped"]) == ((2, 1, 0, 0, 0, 0, 0), {"deleted": 1})


def test_missing_only__resumes_a_complete_run(account: FakeAccount, audits: Audits) -> None:
    """Nothing is sent again, and the report is the same."""
    audits.publish(write(account, 0))
    write(account, 1)
    report = audits.audit()
    assert audits.audit(LATER, run="nightly-1") == report
    assert sent(account) == [f"{PERSON}1"]


def test_missing_only__leaves_ids_only_in_the_bucket(account: FakeAccount, audits: Audits) -> None:
    """The history has numbers and names. The index has hashes, and candidates have keys like checkpoints."""
    audits.publish(write(account, *range(3)))
    write(account, 3)
    audits.audit()
    assert PERSON not in json.dumps(audits.history)
    with_ids = {key.split("/")[-2] for key in account.keys if PERSON.encode() in account.read_bytes(key)}
    assert with_ids <= {"candidates", RUN, "look-1"}
    assert "candidates" in with_ids


def test_missing_only__does_not_resume_with_another_mode(
    account: FakeAccount, audits: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the index would contain other hashes."""
    audits.publish(write(account, 0))
    audits.audit()
    changed = read_settings({**ENVIRON, **audits.environ}), with_encoder(account.pipeline, features_mode="changed")
    monkeypatch.setattr("feature_events.backfill.wire", lambda _: changed)
    with pytest.raises(Misconfigured, match="a deployment has changed the FeaturesMode"):
        audits.audit(LATER, run="nightly-1")


def test_missing_only__refuses_since_alone(account: FakeAccount, audits: Audits) -> None:
    """The run fails before it reads anything, and leaves no checkpoint."""
    with pytest.raises(Misconfigured, match="invalid request: since is used only with missing_only"):
        audits.step(step="plan", run="nightly-1", started=STARTED, request={**REQUEST, "since": to_time(1)})
    assert account.keys == []
