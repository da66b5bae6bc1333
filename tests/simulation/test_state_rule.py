"""Test by simulation that a consumer that applies the state rule has the table's current state."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import state_reader
from tests.simulation.machine import run_machine
from tests.simulation.rule_machine import ONE_FEATURE_SETTINGS, RULE_SETTINGS, RuleMachine, RuleTally
from tests.simulation.rule_model import SKEWS_MS, find_violations
from tests.simulation.scale import SEED, report, scaled
from tests.simulation.state_reader import AVAILABLE, Event

VECTORS = Path(__file__).parents[2] / "schemas" / "examples" / "state_rule.json"
MODELLED = scaled(500, 20_000)
CHUNK = scaled(20, 700)
RUNS = scaled(160, 16_800)
"""The histories for each skew."""
SETTINGS = (
    *[RULE_SETTINGS] * 3,
    *[RULE_SETTINGS._replace(features_mode="changed")] * 2,
    ONE_FEATURE_SETTINGS,
    RULE_SETTINGS._replace(removals="none"),
    RULE_SETTINGS._replace(features_mode="changed", removals="none"),
)
"""The settings of each chunk, in turn."""


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda vector: vector["case"])
def test_order__is_that_of_the_examples(vector: dict[str, Any]) -> None:
    """The consumers in other languages are tested with the same pairs of events."""
    current, other = [
        Event((), "", AVAILABLE, each["timestamp_ms"], each["ce_sequence"], each["offset"])
        for each in (vector["current"], vector["other"])
    ]
    assert state_reader.to_position(current) > state_reader.to_position(other)


@pytest.mark.parametrize("skew_ms", SKEWS_MS)
def test_rule__holds_for_events_in_any_order(skew_ms: int) -> None:
    """The rule needs no order of live events, and no second reading by a backfill."""
    assert find_violations(MODELLED, skew_ms, SEED) == []
    report("model", f"{MODELLED:,} with {skew_ms:+} ms")


def test_rule__does_not_hold_for_a_larger_skew() -> None:
    """The allowance of backfilled messages is what the rule needs."""
    assert find_violations(2_000, 1_500, SEED) != []


@pytest.mark.parametrize("seconds", [0.0, 0.5, 0.999])
def test_consumer__has_the_current_state_of_the_table(seconds: float) -> None:
    """Items are written, removed and expire; events fail, repeat and come late; backfills run at any time."""
    tally = RuleTally()
    first = SEED + round(seconds * 1000)  # other histories for each difference
    for number, seed in enumerate(range(first, first + RUNS // CHUNK)):
        print(f"seed {seed}")  # noqa: T201  # pytest shows it on failure
        settings = SETTINGS[number % len(SETTINGS)]
        machine = type("RuleMachine", (RuleMachine,), {"most_skew": seconds, "settings": settings})
        run_machine(CHUNK, seed, machine=machine, tally=tally)
    assert tally.runs >= RUNS
    least = RUNS // 20  # histories must not be idle
    assert min(tally.changes, tally.removals, tally.redrives, tally.backfills, tally.kills, tally.late) > least
    report("rule", f"clocks that differ by up to {seconds} s: {tally}")
