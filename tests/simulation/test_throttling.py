"""Test a backfill of a table with too little read capacity. docs/scale.md has the figures of the large runs."""

import pytest

from tests.simulation.scale import FULL
from tests.simulation.throttled_backfill import run_throttled

_MOST_EVENTS_PER_ITEM = 1.2


@pytest.mark.parametrize(
    ("units_per_second", "items", "segments"),
    [
        (20, 600, 10),
        (40, 1_000, 10),
        (60, 2_000, 10),
        *[
            pytest.param(units, 10_000, 100, marks=pytest.mark.skipif(not FULL, reason="only `make prove` runs it"))
            for units in (20, 40, 60)
        ],
    ],
)
def test_throttled_backfill__completes_and_repeats_few_events(units_per_second: int, items: int, segments: int) -> None:
    """With the default workers and rate, the run uses the capacity that the table has."""
    run = run_throttled(units_per_second, items, segments=segments)
    assert (run.error, run.announced) == ("", items)
    assert run.events_per_item <= _MOST_EVENTS_PER_ITEM
    assert run.seconds < 1.5 * items / units_per_second  # an item needs one unit, and a scan few
