"""Test announcing a page: the events of its items, and the counts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails
from feature_events.events.message import Message
from feature_events.events.schema import read_shipped_schema
from tests.support.announcements import Announcement, announced
from tests.support.avro import read_avro
from tests.support.backfills import MESSAGE_MS, STARTED_MS, to_plan, to_scanned
from tests.support.pipelines import PREFIX
from tests.support.records import WRITTEN, to_item

LARGE = tuple(f"feature_{number}" for number in range(200))


def test_announce__sends_an_event_for_each_item() -> None:
    """The event equals that of the item's record, except for its id. The message has the time of the run."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2", features=("country",), compute_id=None))
    assert run.announce() == announced(2)
    first, second = run.events
    assert {**first, "event_id": None} == {
        "event_id": None,
        "event_type": "feature_available",
        "timestamp": WRITTEN,
        "entity_type": "bright_uid",
        "entity_id": "user-1",
        "resource_type": "feature",
        "resource_name": "user_features",
        "compute_id": "spark-job-0007",
        "features": ["age", "income"],
    }
    assert (second["entity_id"], second["compute_id"], second["features"]) == ("user-2", "", ["country"])
    assert [message.key for message in run.publisher.log] == [b"user-1", b"user-2"]
    assert [message.timestamp_ms for message in run.publisher.log] == [MESSAGE_MS, MESSAGE_MS]
    headers = [dict(message.headers) for message in run.publisher.log]
    assert [each["ce_id"].decode() for each in headers] == [first["event_id"], second["event_id"]]
    assert all(each["ce_backfill"] == b"true" and "ce_sequence" not in each for each in headers)


def test_announce__gives_the_same_state_another_id_in_another_attempt() -> None:
    """The worker before may have sent it, and then another state, before it was killed."""
    runs = [Announcement(to_scanned(), attempt=attempt) for attempt in (1, 2)]
    for run in runs:
        run.announce()
    first, second = [run.events[0] for run in runs]
    assert first["event_id"] != second["event_id"]
    assert {**first, "event_id": None} == {**second, "event_id": None}


def test_announce__gives_the_same_state_another_id_in_another_run() -> None:
    """A consumer that drops duplicates must not drop the events of a later run."""
    runs = [Announcement(to_scanned(), plan=to_plan()._replace(started_ms=STARTED_MS + later)) for later in (0, 1)]
    for run in runs:
        run.announce()
    first, second = [run.events[0] for run in runs]
    assert first["event_id"] != second["event_id"]


def test_announce__counts_events_that_kafka_rejects() -> None:
    """They are not dead-lettered, since the table still contains their items. Other items are sent and read again."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2", features=LARGE), to_scanned("user-3"))
    expected = Counter(MSG_SIZE_TOO_LARGE=1)
    assert run.announce() == announced(2)._replace(rejected=expected)
    assert run.table.requested == [2]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"features": {"S": "age"}}, "features.data: features is not a map"),
        (to_item(("\ud800",)), "the item is not valid Unicode text"),
    ],
)
def test_announce__counts_items_that_cannot_become_an_event(item: Any, reason: str) -> None:  # noqa: ANN401  # an item
    """An item that does not fit the layout or is not valid Unicode does not block the others."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2", item=item))
    assert run.announce() == announced(1)._replace(poison=Counter({reason: 1}))


def test_announce__skips_items_without_features() -> None:
    """They have no event by design."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2", item={"text": {"S": "nothing"}}))
    assert run.announce() == announced(1, no_features=1)


@pytest.mark.parametrize(
    ("wanted", "entities"),
    [
        ({"resource_name": "user_features"}, ["user-1", "user-2"]),
        ({"entity_type": "bright_uid"}, ["user-1", "user-2"]),
        ({"entity_type": "bright_uid", "resource_name": "others"}, []),
        ({"entity_type": "account_pid"}, []),
    ],
)
def test_announce__applies_the_filter(wanted: dict[str, str], entities: list[str]) -> None:
    """An event must match every field of the filter."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"), plan=to_plan(filter=wanted))
    counted = {"filtered": 2 - len(entities)} if len(entities) < 2 else {}
    assert run.announce() == announced(len(entities), **counted)
    assert [event["entity_id"] for event in run.events] == entities


def test_announce__raises_if_an_event_is_not_acknowledged() -> None:
    """The page must not get a checkpoint."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"))
    run.publisher.loses = lambda message: message.key == b"user-2"
    with pytest.raises(Undelivered, match="did not acknowledge all events of a page"):
        run.announce()


def test_announce__raises_if_the_topic_does_not_exist() -> None:
    """An operator must create it."""
    run = Announcement(to_scanned())
    run.publisher.topic_exists = False
    with pytest.raises(Misconfigured, match="create it"):
        run.announce()


def test_announce__only_counts_in_a_dry_run() -> None:
    """Events, skipped items and poison are counted. Nothing is sent or read again."""
    run = Announcement(
        to_scanned("user-1"),
        to_scanned("user-2", item={}),
        to_scanned("user-3", item={"features": {"S": "age"}}),
        plan=to_plan(dry_run=True),
    )
    run.publisher.reachable = False
    poison = Counter({"features.data: features is not a map": 1})
    assert run.announce() == announced(1, no_features=1)._replace(poison=poison)
    assert (run.publisher.log, run.table.requested) == ([], [])


@pytest.mark.parametrize(("key", "entity"), [({"B": b"\x00\xff"}, "AP8="), ({"N": "7"}, "7")])
def test_announce__accepts_keys_of_every_type(key: Any, entity: str) -> None:  # noqa: ANN401  # an attribute
    """A binary key is base64 in the event, as in a stream record, and bytes in the request to the table."""
    run = Announcement({**to_scanned(compute_id="1"), "bright_uid": key})
    run.table.meanwhile = [lambda: run.table.put({**to_scanned(compute_id="2"), "bright_uid": key})]
    assert run.announce() == announced(2, again=1)
    assert [event["entity_id"] for event in run.events] == [entity, entity]


def test_announce__publishes_a_page_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every item is sent once, in order. Only the changed item is sent again."""
    run = Announcement(*[to_scanned(f"user-{number}") for number in range(1_000)])
    sizes: list[int] = []
    publish = run.publisher.publish

    def record(messages: Sequence[Message], *rest: Any) -> Any:  # noqa: ANN401  # the publisher's
        sizes.append(len(messages))
        return publish(messages, *rest)

    monkeypatch.setattr(run.publisher, "publish", record)
    run.table.meanwhile = [lambda: run.table.put(to_scanned("user-900", compute_id="2"))]
    assert run.announce() == announced(1_001, again=1)
    assert sizes == [1_000, 1]
    assert [event["entity_id"] for event in run.events] == [*[f"user-{number}" for number in range(1_000)], "user-900"]


def test_announce__accepts_an_empty_page() -> None:
    """The last page of a segment can be empty."""
    run = Announcement()
    run.publisher.topic_exists = False
    assert run.announce() == announced(0)
    assert run.table.requested == []


def test_announce__fills_the_fields_of_a_later_schema() -> None:
    """The event says that it comes from a backfill."""
    text = read_shipped_schema("feature_trigger_v2.avsc")
    announcement = Announcement(to_scanned(), codec=Codec(text))
    announcement.announce()
    (message,) = announcement.publisher.log
    event = read_avro(text).read(message.value[len(PREFIX) :])
    known = {name: event[name] for name in EventDetails._fields if event[name] is not None}
    assert known == {"table": "user_feature_store", "backfill": True}
