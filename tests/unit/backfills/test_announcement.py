"""Test announcing a page: its items are sent, and those that change are sent again."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from feature_events.backfills.announcement import Announcer, PageCounts
from feature_events.backfills.plan import Plan
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails
from feature_events.events.message import Message
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from tests.support.avro import read_avro
from tests.support.backfills import MESSAGE_MS, MemoryTable, to_plan, to_scanned
from tests.support.doubles import FakeClock, FakeDeadLetters, FakePublisher
from tests.support.pipelines import CODEC, PREFIX, to_pipeline, with_encoder
from tests.support.records import WRITTEN, to_item

AVRO = read_avro(SHIPPED_SCHEMA)
LARGE = tuple(f"feature_{number}" for number in range(200))


class Announcement:
    """An announcer between fakes."""

    def __init__(
        self,
        *items: Any,  # noqa: ANN401  # an item
        plan: Plan | None = None,
        codec: Codec = CODEC,
        attempt: int = 1,
    ) -> None:
        self.table = MemoryTable(*items)
        self.publisher = FakePublisher(message_max_bytes=1000)
        self.letters = FakeDeadLetters()
        self.clock = FakeClock()
        pipeline = with_encoder(to_pipeline(self.publisher, self.letters), codec=codec)
        self.announcer = Announcer(plan or to_plan(), pipeline, self.table, 20.0, attempt)

    def announce(self) -> PageCounts:
        """Announce all current items."""
        announced = self.announcer.announce(list(self.table.items.values()), Deadline(60.0, self.clock))
        assert self.letters.letters == []
        return announced

    @property
    def events(self) -> Sequence[Any]:
        """The events in the topic."""
        return [read_event(message) for message in self.publisher.log]

    @property
    def features(self) -> Sequence[Sequence[str]]:
        """The feature names of each event."""
        return [event["features"] for event in self.events]


def read_event(message: Message) -> Any:  # noqa: ANN401  # the fields of the schema
    """Decode the event in a message."""
    assert message.value.startswith(PREFIX)
    return AVRO.read(message.value[len(PREFIX) :])


def announced(delivered: int, again: int = 0, **skipped: int) -> PageCounts:
    """Return the counts of a page without poison."""
    return PageCounts(delivered, again, Counter(skipped), Counter(), Counter(), 0, Counter())


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


def test_announce__sends_changed_items_again_until_none_changes() -> None:
    """After two writes, the last event shows the last state. An unchanged item is sent once."""
    run = Announcement(to_scanned("user-1", features=("one",)), to_scanned("user-2", features=("other",)))
    run.table.meanwhile = [
        lambda: run.table.put(to_scanned("user-1", features=("two",))),
        lambda: run.table.put(to_scanned("user-1", features=("three",))),
    ]
    assert run.announce() == announced(4, again=2)
    assert run.features == [["one"], ["other"], ["two"], ["three"]]
    assert run.table.requested == [2, 1, 1]


@pytest.mark.parametrize(
    "change",
    [{"features": ("age",)}, {"compute_id": "another"}, {"updated_at": "2025-10-10T12:34:57Z"}],
    ids=["features", "compute id", "time"],
)
def test_announce__sends_items_with_another_event_again(change: Any) -> None:  # noqa: ANN401  # an item's part
    """Everything that the event says counts."""
    run = Announcement(to_scanned())
    run.table.meanwhile = [lambda: run.table.put(to_scanned(**change))]
    assert run.announce() == announced(2, again=1)


@pytest.mark.parametrize(
    "change", [{"features": ("income", "age")}, {"value": 6}], ids=["order of the features", "value of a feature"]
)
def test_announce__does_not_send_the_same_event_again(change: Any) -> None:  # noqa: ANN401  # an item's part
    """DynamoDB returns the attributes of a map in any order, and an event contains no values."""
    run = Announcement(to_scanned(features=("age", "income"), value=5))
    run.table.meanwhile = [lambda: run.table.put(to_scanned(**{"features": ("age", "income"), **change}))]
    assert run.announce() == announced(1)


def test_announce__gives_a_state_that_returns_another_id() -> None:
    """A consumer that drops duplicates would otherwise end with the state in between."""
    run = Announcement(to_scanned(features=("one",)))
    run.table.meanwhile = [
        lambda: run.table.put(to_scanned(features=("two",))),
        lambda: run.table.put(to_scanned(features=("one",))),
    ]
    assert run.announce() == announced(3, again=2)
    assert run.features == [["one"], ["two"], ["one"]]
    assert len({event["event_id"] for event in run.events}) == 3


def test_announce__gives_the_same_state_another_id_in_another_attempt() -> None:
    """The worker before may have sent it, and then another state, before it was killed."""
    runs = [Announcement(to_scanned(), attempt=attempt) for attempt in (1, 2)]
    for run in runs:
        run.announce()
    first, second = [run.events[0] for run in runs]
    assert first["event_id"] != second["event_id"]
    assert {**first, "event_id": None} == {**second, "event_id": None}


def test_announce__ignores_the_order_of_sets() -> None:
    """DynamoDB returns the members of a set in any order."""
    run = Announcement({**to_scanned(), "tags": {"SS": ["a", "b"]}})
    run.table.meanwhile = [lambda: run.table.put({**to_scanned(), "tags": {"SS": ["b", "a"]}})]
    assert run.announce() == announced(1)


def test_announce__does_not_send_deleted_items_again() -> None:
    """A deleted item has no state to announce."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"))
    run.table.meanwhile = [lambda: run.table.delete(to_scanned("user-1"))]
    assert run.announce() == announced(2)


def test_announce__ends_if_a_changed_item_has_no_event() -> None:
    """Its live record has no event either. The item counts by the outcome of its earlier state."""
    run = Announcement(to_scanned("user-1"), to_scanned("user-2"))

    def spoil() -> None:
        run.table.put(to_scanned("user-1", item={"features": {"S": "age"}}))
        run.table.put(to_scanned("user-2", item={"text": {"S": "no features"}}))

    run.table.meanwhile = [spoil]
    assert run.announce() == announced(2)


def test_announce__counts_items_that_keep_changing() -> None:
    """The number of rounds is limited. The live event of the next write has a later message timestamp."""
    run = Announcement(to_scanned("user-1", compute_id="0"), to_scanned("user-2"))
    run.table.meanwhile = [
        partial(run.table.put, to_scanned("user-1", compute_id=str(number))) for number in range(1, 50)
    ]
    assert run.announce() == announced(22, again=20)._replace(still_changing=1)
    assert [event["compute_id"] for event in run.events[2:]] == [str(number) for number in range(1, 21)]
    assert len({event["event_id"] for event in run.events}) == 22


def test_announce__does_not_count_items_that_stop_changing_in_the_last_round() -> None:
    """The last event shows the last state."""
    run = Announcement(to_scanned(compute_id="0"))
    run.table.meanwhile = [partial(run.table.put, to_scanned(compute_id=str(number))) for number in range(1, 21)]
    assert run.announce() == announced(21, again=20)


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


def test_announce__raises_if_a_changed_item_is_not_acknowledged() -> None:
    """Later rounds need acknowledgements as well."""
    run = Announcement(to_scanned(compute_id="1"))

    def write() -> None:
        run.table.put(to_scanned(compute_id="2"))
        run.publisher.reachable = False

    run.table.meanwhile = [write]
    with pytest.raises(Undelivered, match="did not acknowledge"):
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
