"""The state rule of the example current-state, on topics in memory."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from local.paths import ROOT
from tests.support.example_modules import load

NAME = "current-state"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
NUMBERS = (
    "100000000000000000001",  # 21 digits, like the next one; a double cannot distinguish them
    "100000000000000000002",
    "99999999999999999999999",  # as text, it would be later than the next one
    "1000000000000000000000000000000000000000",  # 40 digits
)


class Event(NamedTuple):
    """An event in a topic."""

    source: str
    entity_id: str
    event_type: str
    features: tuple[str, ...]
    timestamp_ms: int
    sequence: str | None
    partition: int = 0
    offset: int = 0

    @property
    def item(self) -> tuple[str, str]:
        """The table and the entity. All events have the same entity type and resource."""
        return self.source, self.entity_id


def to_event(
    event_type: str = "feature_available",
    features: Sequence[str] = ("a", "b"),
    *,
    at: int = 1000,
    sequence: str | None = NUMBERS[0],
    source: str = f"{TABLE}users",
) -> Event:
    """Return an event about one entity."""
    return Event(source, "user-1", event_type, tuple(features), at, sequence)


def remove(features: Sequence[str] = (), **parts: Any) -> Event:  # noqa: ANN401  # an event's fields
    """Return a removal."""
    return to_event("feature_unavailable", features, **parts)


class Topic:
    """A topic in memory, and the consumer that reads it.

    Args:
        choose: chooses the partition of the next message from those with unread messages.

    """

    def __init__(self, choose: Callable[[list[int]], int] = min) -> None:
        self._choose = choose
        self.events: list[list[Event]] = []
        self.first: dict[int, int] = {}
        """The first offset of each partition. Earlier messages are deleted."""
        self.positions: dict[int, int] = {}
        self.kind = TIMESTAMP_CREATE_TIME
        self.limit = 3
        self.errors: list[Any] = []

    def write(self, *events: Event, partition: int = 0) -> None:
        """Append events to a partition."""
        while len(self.events) <= partition:
            self.events.append([])
        for each in events:
            self.events[partition].append(each._replace(partition=partition, offset=len(self.events[partition])))

    @property
    def all_events(self) -> list[Event]:
        """The events of all partitions."""
        return [event for partition in self.events for event in partition]

    def list_topics(self, _topic: str, *, timeout: float) -> Any:  # noqa: ANN401  # like confluent-kafka
        """Return the topic's partitions."""
        assert timeout
        return SimpleNamespace(topics={"events": SimpleNamespace(partitions=dict.fromkeys(range(len(self.events))))})

    def get_watermark_offsets(self, partition: Any, *, timeout: float) -> tuple[int, int]:  # noqa: ANN401
        """Return the first offset and the next one."""
        assert timeout
        return self.first.get(partition.partition, 0), len(self.events[partition.partition])

    def assign(self, partitions: list[Any]) -> None:
        """Set the offset to continue from in each partition."""
        self.positions = {each.partition: each.offset for each in partitions}

    def consume(self, number: int, *, timeout: float) -> list[Any]:
        """Return some of the next messages."""
        assert timeout
        found: list[Any] = self.errors
        while len(found) < min(number, self.limit) and (unread := self.find_unread()):
            partition = self._choose(unread)
            found.append(self._to_message(self.events[partition][self.positions[partition]]))
            self.positions[partition] += 1
        self.errors = []
        return found

    def find_unread(self) -> list[int]:
        """Return the assigned partitions with unread messages."""
        return [number for number, offset in self.positions.items() if offset < len(self.events[number])]

    def _to_message(self, event: Event) -> Any:  # noqa: ANN401  # like a Message
        value = {
            "event_type": event.event_type,
            "entity_type": "user",
            "entity_id": event.entity_id,
            "resource_name": "scores",
            "features": list(event.features),
        }
        headers = [("ce_source", event.source.encode())] if event.source else []
        if event.sequence is not None:
            headers.append(("ce_sequence", event.sequence.encode()))
        parts = {
            "value": value,
            "headers": headers,
            "timestamp": (self.kind, event.timestamp_ms),
            "topic": "events",
            "partition": event.partition,
            "offset": event.offset,
            "error": None,
        }
        return SimpleNamespace(**{name: lambda part=part: part for name, part in parts.items()})


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    """Import the modules of the example."""
    with pytest.MonkeyPatch.context() as patch:
        yield SimpleNamespace(state=load(patch, NAME, "item_state"), program=load(patch, NAME, "current_state"))


class Run:
    """The example on a topic in memory, with its state in memory."""

    def __init__(self, modules: SimpleNamespace, topic: Topic, per_feature: Sequence[str] = ()) -> None:
        self._modules = modules
        self._per_feature = per_feature
        self.topic = topic
        self.database = sqlite3.connect(":memory:")
        self.restart()

    def restart(self) -> None:
        """Begin again with the stored state."""
        self.state = self._modules.state.ItemState(self.database, self._per_feature)
        self.reader = self._modules.program.Reader(self.topic, lambda value, _: value, "events", self.state)
        self.reader.assign()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def crash(self) -> None:
        """Restart after a crash within the transaction of the next batch."""
        messages = self.topic.consume(3, timeout=1.0)
        readings = [self._modules.program.read_message(lambda value, _: value, each) for each in messages]

        def interrupt() -> Iterator[Any]:
            yield from filter(None, readings)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.state.store(interrupt(), {each.partition(): each.offset() + 1 for each in messages})
        self.restart()

    def drain(self) -> None:
        """Read all messages, also those of partitions that were added."""
        self.reader.assign()
        while self.topic.find_unread():
            self.reader.read()

    def read_state(self) -> dict[tuple[str, str], set[str]]:
        """Return the available features of each item with any."""
        items = {event.item for event in self.topic.all_events}
        found = {
            item: self.state.read_features(self._modules.state.Item(item[0], "user", item[1], "scores"))
            for item in items
        }
        assert all(len(set(features)) == len(features) for features in found.values())
        return {item: set(features) for item, features in found.items() if features}


type Start = Callable[..., Run]


@pytest.fixture
def start(modules: SimpleNamespace) -> Iterator[Start]:
    """Return a function that starts the example on a topic."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Run(modules, *arguments)))


def is_newer(one: Event, other: Event) -> bool:
    """Return whether the state rule prefers one event to another, as docs/consuming.md describes it."""
    if one.timestamp_ms != other.timestamp_ms:
        return one.timestamp_ms > other.timestamp_ms
    if one.sequence != other.sequence:
        if one.sequence is None or other.sequence is None:
            return other.sequence is None
        return (len(one.sequence), one.sequence) > (len(other.sequence), other.sequence)
    return (one.offset, one.partition) > (other.offset, other.partition)


def find_newest(events: Sequence[Event]) -> Event:
    """Return the event that is newer than all others."""
    [newest] = [one for one in events if all(one is other or is_newer(one, other) for other in events)]
    return newest


def is_whole_removal(event: Event) -> bool:
    """Return whether an event removes all features of its item."""
    return event.event_type == "feature_unavailable" and not event.features


def apply_rule(events: Sequence[Event], *, per_feature: bool) -> dict[tuple[str, str], set[str]]:
    """Apply the state rule to all events of a topic at a time."""
    found: dict[tuple[str, str], set[str]] = {}
    known = [event for event in events if event.event_type in ("feature_available", "feature_unavailable")]
    for item in {event.item for event in known}:
        about = [event for event in known if event.item == item]
        if per_feature:
            features = {feature for event in about for feature in event.features}
            newest = {
                each: find_newest([event for event in about if each in event.features or is_whole_removal(event)])
                for each in features
            }
        else:
            newest = dict.fromkeys(find_newest(about).features, find_newest(about))
        available = {each for each, event in newest.items() if event.event_type == "feature_available"}
        found |= {item: available} if available else {}
    return found


@st.composite
def make_events(draw: st.DrawFn) -> Event:
    """Generate an event about one of a few items."""
    kind = draw(st.sampled_from(["feature_available", "feature_available", "feature_unavailable", "feature_expiring"]))
    names = st.sampled_from(["a", "b", "", "null"])
    features = draw(st.lists(names, unique=True, max_size=3))
    return Event(
        draw(st.sampled_from([f"{TABLE}users", f"{TABLE}archive"])),
        draw(st.sampled_from(["user-1", "user-2"])),
        kind,
        tuple(features),
        draw(st.sampled_from([1000, 2000])),
        draw(st.sampled_from([None, *NUMBERS])),
    )


@pytest.mark.parametrize("per_feature", [False, True])
@given(data=st.data())
def test_state__is_that_of_the_rule(modules: SimpleNamespace, data: st.DataObject, *, per_feature: bool) -> None:
    """The order of partitions, duplicates, new partitions, crashes, restarts and rereads make no difference."""
    topic = Topic(lambda unread: data.draw(st.sampled_from(unread)))
    topic.write(*data.draw(st.lists(make_events(), max_size=6)))
    with closing(Run(modules, topic, ["*"] if per_feature else [])) as run:
        take_steps(run, data)
        run.drain()
        assert run.read_state() == apply_rule(topic.all_events, per_feature=per_feature)


def take_steps(run: Run, data: st.DataObject) -> None:
    """Write to the topic, read from it, and interrupt the example, in any order."""
    topic = run.topic
    for _ in range(data.draw(st.integers(0, 8))):
        match data.draw(st.sampled_from(["write", "duplicate", "read", "restart", "crash", "reread"])):
            case "write":
                topic.write(*data.draw(st.lists(make_events(), max_size=4)), partition=data.draw(st.integers(0, 2)))
            case "duplicate" if topic.all_events:
                topic.write(data.draw(st.sampled_from(topic.all_events)), partition=data.draw(st.integers(0, 2)))
            case "read":
                run.reader.read()
            case "restart":
                run.restart()
            case "crash":
                run.crash()
            case "reread":
                run.state.store([], {0: 0})
                run.restart()


VECTORS = json.loads((ROOT / "schemas" / "examples" / "state_rule.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=[each["case"] for each in VECTORS])
def test_state__decides_every_vector(modules: SimpleNamespace, start: Start, vector: dict[str, Any]) -> None:
    """The current event is kept, whether it is read first or last."""
    state, position = modules.state, modules.state.Position
    for names in (("current", "other"), ("other", "current", "other")):
        run = start(Topic())
        item = state.Item("", "", names[0], "")
        run.state.store([state.Reading(item, (position.of(**vector[each]), 0), True, [each]) for each in names], {})  # noqa: FBT003  # a field
        assert run.state.read_features(item) == ["current"]


def test_state__keeps_a_removal(start: Start) -> None:
    """An older event that arrives after the removal does not bring the item back. A newer one does."""
    topic, late = Topic(), to_event(at=1000)
    topic.write(late, remove(at=2000, sequence=NUMBERS[1]), late)
    run = start(topic)
    run.drain()
    assert run.read_state() == {}
    topic.write(to_event(at=3000))
    run.drain()
    assert run.read_state() == {late.item: {"a", "b"}}


def test_state__distinguishes_tables(start: Start) -> None:
    """Two tables can contain the same entity and resource."""
    topic = Topic()
    topic.write(to_event(), remove(at=2000, source=f"{TABLE}archive"))
    run = start(topic)
    run.drain()
    assert run.read_state() == {(f"{TABLE}users", "user-1"): {"a", "b"}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("", {"b"}), ("*", {"a", "b"}), ("users/*", {"a", "b"}), ("users/scores", {"a", "b"}), ("user/*", {"b"})],
)
def test_state__applies_the_rule_per_feature_where_configured(
    modules: SimpleNamespace, tmp_path: Path, pattern: str, expected: set[str]
) -> None:
    """PER_FEATURE has patterns of a table's name and a resource."""
    topic = Topic()
    topic.write(to_event(features=["a"]), to_event(features=["b"], at=2000))
    state = modules.state.ItemState.open(tmp_path / "state", f"other/*, {pattern}", {})
    reader = modules.program.Reader(topic, lambda value, _: value, "events", state)
    reader.assign()
    reader.read()
    assert set(state.read_features(modules.state.Item(f"{TABLE}users", "user", "user-1", "scores"))) == expected
    state.close()


def test_state__removes_all_features_or_the_named_ones(start: Start) -> None:
    """Per feature, a removal without names removes the item. One with names removes these features."""
    topic = Topic()
    topic.write(to_event(features=["a", "b", "c"]), remove(["a"], at=2000), to_event(features=["d"], at=4000))
    run = start(topic, ["*"])
    run.drain()
    assert run.read_state() == {to_event().item: {"b", "c", "d"}}
    topic.write(remove(at=3000))
    run.drain()
    assert run.read_state() == {to_event().item: {"d"}}


def test_state__does_not_depend_on_the_order_of_partitions(start: Start) -> None:
    """Two backfilled events can have the same offset, if the entity has moved to another partition."""
    states = []
    for choose in (min, max):
        topic = Topic(choose)
        for partition, feature in enumerate("ab"):
            topic.write(to_event(features=[feature], sequence=None), partition=partition)
        run = start(topic)
        run.drain()
        states.append(run.read_state())
    assert states == [{to_event().item: {"b"}}] * 2


def test_state__keeps_features_of_any_name_apart_from_the_item(start: Start) -> None:
    """Per feature, a removed item is not a feature named null, and an event without features does not replace it."""
    topic = Topic()
    topic.write(to_event(features=["null"]), remove(at=2000), to_event(features=["a"]), to_event(features=[], at=3000))
    run = start(topic, ["*"])
    run.drain()
    assert run.read_state() == {}
    topic.write(to_event(features=["null", "b"], at=4000), remove(["b"], at=5000))
    run.drain()
    assert run.read_state() == {to_event().item: {"null"}}


def test_reader__starts_a_new_partition_at_its_first_message(start: Start) -> None:
    """Partitions that are added later are read too, and an empty one is read from where it was found."""
    topic = Topic()
    topic.write(to_event())
    topic.write(partition=1)
    topic.first = {1: 7}
    run = start(topic)
    assert run.state.read_offsets() == {0: 0, 1: 7}
    topic.write(to_event(), partition=2)
    run.reader.assign()
    assert topic.positions == {0: 0, 1: 7, 2: 0}


def test_reader__survives_an_outage_while_looking_for_partitions(
    modules: SimpleNamespace, start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It continues with the partitions that it knows."""
    run = start(Topic())
    monkeypatch.setattr(modules.program, "REFRESH_SECONDS", 0.0)

    def fail(*_: object, **__: object) -> None:
        raise KafkaException(KafkaError(KafkaError.BROKER_NOT_AVAILABLE))

    monkeypatch.setattr(run.topic, "list_topics", fail)
    run.reader.read()
    assert capsys.readouterr().err.startswith("could not look for new partitions: ")


def test_reader__reports_changed_items(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a duplicate nor an older event changes the features of an item. A removed item has no features."""
    topic = Topic()
    topic.limit = 1
    newest = to_event(at=2000)
    topic.write(newest, newest, to_event(features=["c"]), remove(at=3000), to_event("feature_expiring", at=4000))
    start(topic).drain()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    item = {"entity_type": "user", "entity_id": "user-1", "resource_name": "scores"}
    assert lines == [{**item, "features": ["a", "b"]}, {**item, "features": []}]


def test_reader__stores_what_precedes_a_message_that_it_cannot_read(start: Start) -> None:
    """The error names the place. A restart reads that message again."""
    topic = Topic()
    topic.write(to_event(), to_event(source=""))
    run = start(topic)
    with pytest.raises(SystemExit, match=r"^events \[0\] offset 1 cannot be read: the state rule needs the header ce_"):
        run.reader.read()
    assert run.state.read_offsets() == {0: 1}
    assert run.read_state() == {to_event().item: {"a", "b"}}


def test_reader__refuses_the_broker_time(start: Start) -> None:
    """With LogAppendTime, the timestamp is not that of the change."""
    topic = Topic()
    topic.kind = TIMESTAMP_LOG_APPEND_TIME
    topic.write(to_event())
    with pytest.raises(SystemExit, match=r"needs a topic with message\.timestamp\.type=CreateTime$"):
        start(topic).drain()


def to_error(code: int) -> Any:  # noqa: ANN401  # like a Message
    """Return a message with an error."""
    error = SimpleNamespace(code=lambda: code, str=lambda: "reason")
    return SimpleNamespace(error=lambda: error, topic=lambda: "events", partition=lambda: 0)


def test_reader__exits_if_events_are_missing(start: Start) -> None:
    """A removal may be among the events that the topic deleted before they were read."""
    run = start(Topic())
    run.topic.errors = [to_error(KafkaError._AUTO_OFFSET_RESET)]  # noqa: SLF001  # the documented name
    with pytest.raises(SystemExit, match=r"^events \[0\]: the next offset is no longer in the topic"):
        run.reader.read()
    run.topic.errors = [to_error(KafkaError.TOPIC_AUTHORIZATION_FAILED)]
    with pytest.raises(KafkaException):
        run.reader.read()


def open_state(module: ModuleType, path: Path, per_feature: str = "", **origin: str) -> Any:  # noqa: ANN401  # ItemState
    """Open a state file."""
    return module.ItemState.open(path, per_feature, origin)


def test_open__refuses_the_state_of_another_topic_or_setting(modules: SimpleNamespace, tmp_path: Path) -> None:
    """Offsets of another topic would skip events, and another unit would keep removed features."""
    path = tmp_path / "state"
    open_state(modules.state, path, "a/*", TOPIC_NAME="one").close()
    open_state(modules.state, path, "a/*", TOPIC_NAME="one").close()
    for per_feature, topic, name in (("a/*", "two", "TOPIC_NAME=one"), ("*", "one", "PER_FEATURE=a/*")):
        with pytest.raises(SystemExit) as raised:
            open_state(modules.state, path, per_feature, TOPIC_NAME=topic)
        assert str(raised.value).startswith(f"{path} was written with {name}, not ")


def test_read_items__does_not_wait_for_a_writer(modules: SimpleNamespace, tmp_path: Path) -> None:
    """It reads the last stored batch while the program stores the next one."""
    path = tmp_path / "state with spaces?"
    state = open_state(modules.state, path)
    item, position = modules.state.Item("t", "user", "użytkownik\x00", "r"), modules.state.Position(1, -1, 0)
    state.store([modules.state.Reading(item, (position, 0), True, ["ą"])], {})  # noqa: FBT003  # a field

    def read_meanwhile() -> Iterator[Any]:
        yield modules.state.Reading(item, (position._replace(offset=1), 0), False, [])  # noqa: FBT003  # a field
        assert list(modules.state.read_items(path)) == [(item, ["ą"])]

    state.store(read_meanwhile(), {})
    assert list(modules.state.read_items(path)) == []
    state.close()
    assert list(modules.state.read_items(path)) == []
