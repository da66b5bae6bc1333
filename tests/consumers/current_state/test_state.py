"""Test the stored state: removals, tables, the rule per feature, and the state file."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from local.paths import ROOT
from tests.consumers.current_state.run import Start
from tests.consumers.current_state.topic import NUMBERS, TABLE, Topic, remove, to_event

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
