"""The resume rule of the Airflow example: no asset event is skipped, whatever the clocks of their writers."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.consumers.airflow.plugins import new_asset_events
from examples.consumers.airflow.plugins.new_asset_events import CLOCK_DIFFERENCE, NOTHING, read_pages

START = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = 3


class StoredEvent(NamedTuple):
    """An asset event in Airflow's database."""

    id: int
    timestamp: datetime


class Accessor:
    """Airflow's accessor of an asset's events, which filters and orders by time only.

    https://github.com/apache/airflow/blob/3.3.2/airflow-core/src/airflow/api_fastapi/execution_api/routes/asset_events.py
    """

    def __init__(self, stored: Sequence[StoredEvent]) -> None:
        self.answers: list[int] = []
        """The number of events in each answer."""
        self._stored = stored
        self._after = START
        self._limit = sys.maxsize

    def after(self, time: str) -> Self:
        """Leave out what is before this time."""
        self._after = datetime.fromisoformat(time)
        return self

    def limit(self, number: int) -> Self:
        """Return no more than this number."""
        self._limit = number
        return self

    def __iter__(self) -> Any:  # noqa: ANN401  # an iterator
        found = sorted(
            (each for each in self._stored if each.timestamp >= self._after), key=lambda each: each.timestamp
        )
        self.answers.append(len(found[: self._limit]))
        return iter(found[: self._limit])


def run(stored: Sequence[StoredEvent], state: dict[str, Any]) -> tuple[list[int], dict[str, Any]]:
    """The ids that one run of the DAG handles, in its order, and the state that it leaves."""
    handled: list[int] = []
    for new, after in read_pages(Accessor(stored), state):
        handled += [each.id for each in new]
        state = after
    return handled, state


def at(number: int, seconds: float) -> StoredEvent:
    """An event whose writer's clock showed this many seconds."""
    return StoredEvent(number, START + timedelta(seconds=seconds))


@pytest.fixture(autouse=True, scope="module")
def small_pages() -> Iterator[None]:
    """Pages that are full after a few events."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(new_asset_events, "PAGE", PAGE)
        yield


def test_pages__skip_no_event_of_a_slow_clock() -> None:
    """A second writer's clock is a minute behind: its events come after the first one's and have earlier times."""
    stored = [at(1, 100), at(2, 101)]
    first, state = run(stored, NOTHING)
    stored += [at(3, 41), at(4, 42)]
    second, state = run(stored, state)
    assert (first, second, run(stored, state)[0]) == ([1, 2], [3, 4], [])


def test_pages__skip_no_lower_id() -> None:
    """A writer commits an event after another one has committed an event with a higher id and an earlier time."""
    first, state = run([at(2, 5), at(4, 6)], NOTHING)
    second, _ = run([at(2, 5), at(4, 6), at(1, 7), at(3, 4)], state)
    assert (first, sorted(second)) == ([2, 4], [1, 3])


def test_pages__are_bounded_and_in_the_order_of_ids() -> None:
    """A large backfill comes in many answers; in each, events are handled in the order in which they were stored."""
    stored = [at(number, number - 40 * (number % 2)) for number in range(1000)]
    accessor = Accessor(stored)
    pages = [[each.id for each in new] for new, _ in read_pages(accessor, NOTHING)]
    assert sorted(each for page in pages for each in page) == list(range(1000))
    assert all(page == sorted(page) for page in pages)
    assert max(accessor.answers) == PAGE


def test_pages__pass_more_events_of_one_time_than_a_page_has() -> None:
    """Airflow cannot continue within one time, so the answer grows until it reaches the next."""
    stored = [*(at(number, 1) for number in range(10 * PAGE)), at(99, 2)]
    handled, _ = run(stored, NOTHING)
    assert sorted(handled) == [*range(10 * PAGE), 99]


def test_state__is_of_the_last_minutes_only() -> None:
    """What is remembered does not grow with the number of events that were handled."""
    stored = [at(number, 10 * number) for number in range(5000)]
    _, state = run(stored, NOTHING)
    assert len(state["ids"]) == CLOCK_DIFFERENCE.total_seconds() / 10 + 1


@given(
    writes=st.lists(
        st.tuples(
            st.floats(0, 10),  # seconds since the event before
            st.floats(0, 90),  # how far the writer's clock is behind
            st.integers(0, 3),  # so many more events are stored before this one can be seen
            st.sampled_from(["", "", "run", "crash"]),
        ),
        max_size=60,
    )
)
def test_pages__hand_each_event_to_one_run(writes: list[tuple[float, float, int, str]]) -> None:
    """Whatever clocks and commits do: all are handled, none twice, unless a run ended before it stored its state."""
    seen: list[StoredEvent] = []
    hidden: list[tuple[int, StoredEvent]] = []
    handled: list[int] = []
    state, now, crashes = NOTHING, 0.0, 0
    for number, (pause, behind, late, then) in enumerate(writes):
        now += pause
        hidden.append((number + late, at(number, now - behind)))
        seen += [each for shown, each in hidden if shown == number]
        if then == "run":
            new, state = run(seen, state)
            handled += new
        elif then == "crash":
            crashes += 1
            page, _ = next(read_pages(Accessor(seen), state))
            handled += [each.id for each in page]
    seen = [each for _, each in hidden]
    new, state = run(seen, state)
    handled += new
    assert set(handled) == set(range(len(writes)))
    assert len(handled) - len(writes) <= crashes * PAGE
    assert run(seen, state)[0] == []
