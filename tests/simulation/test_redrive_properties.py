"""Test that no failure during a redrive loses a record, and that further runs settle every record."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from feature_events.encoder import Encoded, Encoder
from feature_events.redrives import run, staleness
from feature_events.redrives.record import RedrivenObject
from feature_events.redrives.run import Redrive
from feature_events.tables.table import Tables
from tests.simulation.mutants import Edit, edit, put
from tests.simulation.redrive_world import BATCHES, FAULTS, KINDS, OPERATIONS, Clients, World
from tests.support.failures import PREFIX
from tests.support.records import number_of


def _find_staleness_of_absent_items(encoded: Encoded, tables: Tables, encoder: Encoder, seconds: float) -> str | None:
    is_absent = tables.get_item(encoded.change, seconds) is None
    return "mutated" if is_absent else staleness.find_staleness(encoded, tables, encoder, seconds)


MUTANTS = {
    "a throttled read makes a dead letter": edit(
        Redrive,
        "_check_record",
        'record.leave(RecordOutcome.UNDELIVERED, Undelivered(f"{error}; {_CURE}"))',
        "record.leave(RecordOutcome.STALE, PoisonRecord(str(error)))",
    ),
    "a throttled read archives a batch": edit(RedrivenObject, "is_split", " or self.needs_retry", ""),
    "a batch is archived without dead letters for stale records": edit(
        Redrive, "_redrive_chunk", "split_off_rest(objects, self._pipeline.dead_letters)", "pass"
    ),
    "a removal of an absent item is stale": put(run, "find_staleness", _find_staleness_of_absent_items),
    "a removal of an item with features is sent": put(staleness, "_has_any_features", lambda *_: False),
}


@st.composite
def worlds(
    draw: st.DrawFn, operations: Sequence[str] = OPERATIONS, outcomes: Sequence[str] = FAULTS
) -> tuple[World, Mapping[str, set[str]]]:
    """Generate worlds with these faults, and the numbers of their records by kind."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=12))
    in_batches = draw(st.lists(st.booleans(), min_size=len(kinds), max_size=len(kinds)))
    faults = st.tuples(st.sampled_from(operations), st.integers(0, 6))
    world = World(kinds, in_batches, Clients(draw(st.dictionaries(faults, st.sampled_from(outcomes), max_size=8))))
    world.mode = draw(st.sampled_from(["all", "changed"]))
    world.removals = draw(st.sampled_from(["none", "events"]))
    world.fill()
    numbers = {
        kind: {number_of(each) for each, its in zip(world.records, kinds, strict=True) if its == kind} for kind in KINDS
    }
    return world, numbers


def check_state(world: World, numbers: Mapping[str, set[str]]) -> None:
    """Check that the state rule finds each item's last change, whatever failed or was written meanwhile."""
    silent = numbers["unreadable"] | numbers["large"]
    silent |= numbers["removal"] if world.removals == "none" else set()
    for entity, number in world.last.items():
        is_announced = world.removals == "events" or world.clients.items[entity] is not None
        if number not in silent and is_announced:
            assert world.state[entity] == number


def check_sends(requests: Sequence[tuple[str, str]]) -> None:
    """Check that between the check of a record and its send, only others of its group were checked and sent."""
    for place, request in enumerate(requests):
        if request[0] == "Produce":
            checked = max(at for at in range(place) if requests[at] == ("GetItem", request[1]))
            for operation, name in requests[checked:place]:
                # A dead letter for a message that Kafka rejects is written while its group is sent
                is_dead_letter = operation == "PutObject" and name.startswith(PREFIX)
                assert operation in ("GetItem", "Produce") or is_dead_letter


def check_records(generated: tuple[World, Mapping[str, set[str]]]) -> None:
    """Check that every record is sent or stored after each run, and settled by two runs after the faults.

    A record is checked immediately before it is sent, and in the end consumers have the current state.
    """
    world, numbers = generated
    announces = world.removals == "events"
    good = numbers["good"] | (numbers["removal"] if announces else set())
    left = numbers["written"] | numbers["deleted"] | numbers["unreadable"] | numbers["large"]
    left |= numbers["recreated"] if announces else set()
    letters = {number for key, found in world.kept.items() if key.startswith(PREFIX) for number in found}
    runs = 2 * len(world.clients.planned)
    for number in range(runs + 2):
        if number == runs:
            world.clients.planned.clear()
        for prefix in (PREFIX, BATCHES):
            report = world.run(prefix)
            kept = world.kept
            assert good | left <= world.sent.union(*kept.values())
            assert world.has_all_objects
            # Only records that cannot be sent become dead letters, whatever fails
            made = {number for key, found in kept.items() if key.startswith(PREFIX) for number in found} - letters
            assert made <= left | world.written
            if report is not None and report["complete"]:
                may_stay = left | world.written
                assert [key for key in kept if key.startswith(prefix) and not may_stay.issuperset(kept[key])] == []
    ours = set(map(number_of, world.records))
    assert good - world.written <= world.sent & ours <= good
    assert left <= {number for found in world.kept.values() for number in found} <= left | world.written
    assert all(len(found) == 1 for found in world.kept.values())
    check_state(world, numbers)
    check_sends(world.clients.requests)
    before = len(world.publisher.log)
    last = world.run(PREFIX)
    assert last is not None
    assert (last["complete"], last["records"], len(world.publisher.log)) == (True, len(world.kept), before)


@given(worlds())
def test_redrive__loses_nothing_and_settles_all_records(generated: tuple[World, Mapping[str, set[str]]]) -> None:
    """After each run, every record is sent or stored. Once the faults end, two runs settle all records."""
    check_records(generated)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_generated_worlds__kill_each_mutant(mutant: Edit) -> None:
    """The property can fail."""
    check = settings(phases=[Phase.generate])(given(worlds(["GetItem"], ["fail"]))(check_records))
    with ExitStack() as stack:
        mutant(stack)
        with pytest.raises(AssertionError):
            check()


@settings(max_examples=50)
@given(worlds())
def test_redrive__leaves_consumers_with_the_current_state_if_forced(
    generated: tuple[World, Mapping[str, set[str]]],
) -> None:
    """Stale records may follow newer ones, but they do not win by the state rule."""
    world, numbers = generated
    for number in range(2 * len(world.clients.planned) + 1):
        for prefix in (PREFIX, BATCHES):
            world.run(prefix, force=world.removals == "events" and not number)
    world.clients.planned.clear()
    for prefix in (PREFIX, BATCHES):
        world.run(prefix)
    check_state(world, numbers)
