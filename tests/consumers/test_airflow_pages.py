"""The Airflow example skips no asset event, even if the clocks of the writers differ."""

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
    """Airflow's accessor for an asset's events, which filters and sorts only by time.

    https://github.com/apache/airflow/blob/3.3.2/airflow-core/src/airflow/api_fastapi/execution_api/routes/asset_events.py
    """

    def __init__(self, stored: Sequence[StoredEvent]) -> None:
        self.sizes: list[int] = []
        """The number of events in each page."""
        self._stored = stored
        self._after = START
        self._limit = sys.maxsize

    def after(self, time: str) -> Self:
        """Return only events since this time."""
        self._after = datetime.fromisoformat(time)
        return self

    def limit(self, number: int) -> Self:
        """Return at most this number of events."""
        self._limit = number
        return self

    def __iter__(self) -> Any:  # noqa: ANN401  # an iterator
        found = sorted(
            (each for each in self._stored if each.timestamp >= self._after), key=lambda each: each.timestamp
        )
        self.sizes.append(len(found[: self._limit]))
        return iter(found[: self._limit])


def run(stored: Sequence[StoredEvent], state: dict[str, Any]) -> tuple[list[int], dict[str, Any]]:
    """Run the DAG once, and return the ids that it handles in order, and its new state."""
    handled: list[int] = []
    for new, after in read_pages(Accessor(stored), state):
        handled += [each.id for each in new]
        state = after
    return handled, state


def at(number: int, seconds: float) -> StoredEvent:
    """Make an event that was stored at this time by the clock of its writer."""
    return StoredEvent(number, START + timedelta(seconds=seconds))


@pytest.fixture(autouse=True, scope="module")
def small_pages() -> Iterator[None]:
    """Use small pages."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(new_asset_events, "PAGE", PAGE)
        yield


def test_read_pages__handles_events_of_a_slow_clock() -> None:
    """A second writer's clock is a minute slow, so its events arrive later but have earlier times."""
    stored = [at(1, 100), at(2, 101)]
    first, state = run(stored, NOTHING)
    stored += [at(3, 41), at(4, 42)]
    second, state = run(stored, state)
    assert (first, second, run(stored, state)[0]) == ([1, 2], [3, 4], [])


def test_read_pages__handles_lower_ids_that_appear_later() -> None:
    """A writer can commit an event after another writer has committed one with a higher id."""
    first, state = run([at(2, 5), at(4, 6)], NOTHING)
    second, _ = run([at(2, 5), at(4, 6), at(1, 7), at(3, 4)], state)
    assert (first, sorted(second)) == ([2, 4], [1, 3])


def test_read_pages__yields_bounded_pages_sorted_by_id() -> None:
    """Many events arrive in many pages."""
    stored = [at(number, number - 40 * (number % 2)) for number in range(1000)]
    accessor = Accessor(stored)
    pages = [[each.id for each in new] for new, _ in read_pages(accessor, NOTHING)]
    assert sorted(each for page in pages for each in page) == list(range(1000))
    assert all(page == sorted(page) for page in pages)
    assert max(accessor.sizes) == PAGE


def test_read_pages__handles_more_events_of_the_same_time_than_fit_a_page() -> None:
    """Airflow cannot resume within the same time, so the page grows until it reaches the next time."""
    stored = [*(at(number, 1) for number in range(10 * PAGE)), at(99, 2)]
    handled, _ = run(stored, NOTHING)
    assert sorted(handled) == [*range(10 * PAGE), 99]


def test_read_pages__remembers_only_the_last_minutes() -> None:
    """The state does not grow with the number of handled events."""
    stored = [at(number, 10 * number) for number in range(5000)]
    _, state = run(stored, NOTHING)
    assert len(state["ids"]) == CLOCK_DIFFERENCE.total_seconds() / 10 + 1


@given(
    writes=st.lists(
        st.tuples(
            st.floats(0, 10),  # seconds since the previous event
            st.floats(0, 90),  # how slow the writer's clock is, in seconds
            st.integers(0, 3),  # the number of later events that become visible before this one
            st.sampled_from(["", "", "run", "crash"]),
        ),
        max_size=60,
    )
)
def test_read_pages__handles_each_event_once(writes: list[tuple[float, float, int, str]]) -> None:
    """Only a run that crashes before it stores its state leads to repeated events."""
    seen: list[StoredEvent] = []
    hidden: list[tuple[int, StoredEvent]] = []
    handled: list[int] = []
    state, now, crashes = NOTHING, 0.0, 0
    for number, (pause, slow_by, late, then) in enumerate(writes):
        now += pause
        hidden.append((number + late, at(number, now - slow_by)))
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
