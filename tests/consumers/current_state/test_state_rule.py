"""Test the state of generated topics against a second implementation of the state rule."""

from collections.abc import Sequence
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consumers.current_state.run import Run
from tests.consumers.current_state.topic import NUMBERS, TABLE, Event, Topic


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
