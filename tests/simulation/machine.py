"""A state machine of writes, faults and time in any order; the invariants are checked after every step."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from typing import Any, override

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.simulation.invariants import INVARIANTS
from tests.simulation.world import BAD, GOOD, KINDS, SLOW_STORE, World
from tests.support.modelled_kafka import Fate
from tests.support.on_failure import read_on_failure

ENTITIES = st.integers(0, 3)
CHANGES = st.lists(st.tuples(st.sampled_from((*KINDS, GOOD, GOOD, GOOD, GOOD)), ENTITIES), min_size=1, max_size=8)
FATES = st.lists(st.sampled_from((*Fate, Fate.WRITTEN, Fate.WRITTEN)), max_size=4)
INVOCATIONS = st.lists(
    st.tuples(st.integers(0, 3), FATES, st.sampled_from([60, 60, 60, 25, 8, 3])), min_size=1, max_size=4
)


@dataclass
class Tally:
    """Totals of all histories."""

    runs: int = 0
    changes: int = 0
    invocations: int = 0
    failures: int = 0
    acknowledged: int = 0
    dead_lettered: int = 0
    on_failure: int = 0

    def add(self, world: World) -> None:
        """Add one history."""
        self.runs += 1
        self.changes += len(world.written)
        self.invocations += world.invocations
        self.failures += world.failures
        self.acknowledged += len(world.kafka.acknowledged)
        self.dead_lettered += len(world.letters.letters)
        self.on_failure += len(read_on_failure(world.on_failure))

    def __str__(self) -> str:
        return (
            f"{self.runs:,} histories of {self.changes:,} changes and {self.invocations:,} invocations, of which "
            f"{self.failures:,} failed"
        )


class RecordedMachine(RuleBasedStateMachine):
    """A state machine that keeps its steps, and closes its stack at the end."""

    watched = frozenset(INVARIANTS)

    def __init__(self) -> None:
        super().__init__()
        self.history: list[tuple[str, dict[str, Any]]] = []
        self.stack = ExitStack()

    def finish(self) -> None:
        """Check the end of the history, and count it."""

    @override
    def teardown(self) -> None:
        with self.stack:
            self.finish()


def step(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a method a rule of a recorded machine, with arguments from these strategies."""
    make_rule: Callable[..., Callable[..., Callable[..., None]]] = rule

    def decorate(method: Callable[..., None]) -> Callable[..., None]:
        @wraps(method)
        def run(self: RecordedMachine, **arguments: object) -> None:
            self.history.append((method.__name__, arguments))
            method(self, **arguments)

        return make_rule(**strategies)(run)

    return decorate


class Machine(RecordedMachine):
    """The steps of a history."""

    tally: Tally | None = None

    def __init__(self) -> None:
        super().__init__()
        self.world = self.stack.enter_context(World(self.watched).running())

    @step(changes=CHANGES, invocations=INVOCATIONS)
    def work(self, changes: list[tuple[str, int]], invocations: list[tuple[int, list[Fate], int]]) -> None:
        """Write to the table and deliver batches."""
        for kind, entity in changes:
            self.world.write(kind, entity)
        self.invoke(invocations)

    def invoke(self, invocations: list[tuple[int, list[Fate], int]]) -> None:
        """Deliver a batch of each of these lanes, with a fate for each record batch in Kafka."""
        for lane, fates, seconds in invocations:
            self.world.remaining = seconds
            self.world.kafka.fates.extend(fates)
            self.world.step(lane)
            self.world.kafka.fates.clear()

    @step(kind=st.sampled_from(sorted(BAD)), count=st.integers(3, 12), entity=ENTITIES)
    def write_only_bad(self, kind: str, count: int, entity: int) -> None:
        """Write one valid record and then only bad ones."""
        self.world.write(GOOD, entity)
        for _ in range(count):
            self.world.write(kind, entity)

    @step(invocations=INVOCATIONS)
    def deliver(self, invocations: list[tuple[int, list[Fate], int]]) -> None:
        """Deliver batches without writing."""
        self.invoke(invocations)

    @step(reachable=st.booleans())
    def change_kafka(self, reachable: bool) -> None:  # noqa: FBT001  # Hypothesis passes it
        """Stop or start all brokers."""
        self.world.kafka.reachable = reachable

    @step(works=st.booleans(), seconds=st.sampled_from([0.0, 0.5, SLOW_STORE]))
    def change_store(self, works: bool, seconds: float) -> None:  # noqa: FBT001  # Hypothesis passes it
        """Make S3 fail, recover or become slow."""
        self.world.letters.works = works
        self.world.letters.seconds = seconds

    @step()
    def catch_up(self) -> None:
        """Deliver the messages that are on the wire."""
        self.world.kafka.catch_up()
        self.world.check()

    @step()
    def replace_instances(self) -> None:
        """Start new execution environments."""
        self.world.replace_instances()

    @step()
    def thaw_instances(self) -> None:
        """Resume frozen execution environments."""
        self.world.thaw_instances()
        self.world.check()

    @step(hours=st.sampled_from([1, 12, 24]))
    def wait(self, hours: int) -> None:
        """Deliver the messages that are on the wire, and advance the clock."""
        self.world.kafka.catch_up()
        self.world.mapping.advance(hours * 3600)
        self.world.check()

    @step()
    def split(self) -> None:
        """Split the shard."""
        self.world.split()

    @override
    def finish(self) -> None:
        self.world.finish()
        if self.tally is not None:
            self.tally.add(self.world)


def run_machine(  # noqa: PLR0913  # the options of a run, by keyword
    runs: int,
    number: int,
    *,
    machine: type[RuleBasedStateMachine] = Machine,
    steps: int = 12,
    watched: str | None = None,
    shrinks: bool = False,
    tally: object = None,
) -> None:
    """Run the machine `runs` times from a seed.

    With one watched invariant, stop once that is broken, and shorten the history only if `shrinks` is set.
    """
    configuration = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if watched is None or shrinks else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=watched is None,
        report_multiple_bugs=False,
    )
    # Hypothesis stores the seed on the class, so each run has its own subclass
    settings_of_run = {"tally": tally, "watched": frozenset(INVARIANTS) if watched is None else frozenset({watched})}
    of_run: Any = type(machine.__name__, (machine,), settings_of_run)
    run_state_machine_as_test(seed(number)(of_run), settings=configuration)
