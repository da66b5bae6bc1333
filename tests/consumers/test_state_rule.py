"""The state rule of the examples, checked against the shared vectors in schemas/examples/state_rule.json."""

import json
import struct
from collections.abc import Callable
from graphlib import TopologicalSorter
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from examples.consumers.python.position import Position
from local.application.consumers import CONSUMERS
from local.paths import ROOT
from tests.consumers.keep_state import LANGUAGES, PositionedEvent, keep_in

VECTORS = json.loads((ROOT / "schemas" / "examples" / "state_rule.json").read_text())
ALL = {Position.of(**each[name]) for each in VECTORS for name in ("current", "other")}
"""Every position in the vectors."""

type Vector = dict[str, Any]


def to_lengths(number: str | None) -> tuple[int, str]:
    """Convert a number to its length and its text, which are compared without leading zeros."""
    digits = "" if number is None else number.lstrip("0") or "0"
    return len(digits), digits


def wrap(number: str | None) -> int:
    """Convert a number to 64 bits with a sign, without an error if it does not fit."""
    found: int = struct.unpack("<q", struct.pack("<Q", int(number or "-1") % 2**64))[0]
    return found


WRONG_RULES: dict[str, Callable[[Vector], Any]] = {
    "the timestamp as text": lambda each: (str(each["timestamp_ms"]), to_lengths(each["ce_sequence"]), each["offset"]),
    "the sequence before the timestamp": lambda each: (
        to_lengths(each["ce_sequence"]),
        each["timestamp_ms"],
        each["offset"],
    ),
    "the sequence as text": lambda each: (each["timestamp_ms"], each["ce_sequence"] or "", each["offset"]),
    "the sequence as a double": lambda each: (each["timestamp_ms"], float(each["ce_sequence"] or -1), each["offset"]),
    "the sequence in 64 bits": lambda each: (each["timestamp_ms"], wrap(each["ce_sequence"]), each["offset"]),
    "the sequence by length, with leading zeros": lambda each: (
        each["timestamp_ms"],
        len(each["ce_sequence"] or ""),
        each["ce_sequence"] or "",
        each["offset"],
    ),
    "no sequence as zero": lambda each: (each["timestamp_ms"], int(each["ce_sequence"] or 0), each["offset"]),
    "no sequence wins": lambda each: (
        each["timestamp_ms"],
        each["ce_sequence"] is None,
        to_lengths(each["ce_sequence"]),
        each["offset"],
    ),
    "no sequence": lambda each: (each["timestamp_ms"], each["offset"]),
    "no offset": lambda each: (each["timestamp_ms"], to_lengths(each["ce_sequence"])),
    "the offset as text": lambda each: (
        each["timestamp_ms"],
        to_lengths(each["ce_sequence"]),
        str(each["offset"]),
    ),
    "the offset alone": lambda each: each["offset"],
}
"""Rules that consumers might use instead. A later key wins."""


def to_messages(vector: Vector) -> list[PositionedEvent]:
    """Convert a vector to the messages of two items, which receive its events in different orders."""
    current, other = (PositionedEvent("", **vector[name], event={"name": name}) for name in ("current", "other"))
    orders = {"current first": (current, other), "current last": (other, current)}
    return [each._replace(item=f"{vector['case']}, {name}") for name, order in orders.items() for each in order]


def test_vectors__are_one_total_order() -> None:
    """No chain of vectors leads back to its start, so the winners contradict neither each other nor transitivity."""
    order: TopologicalSorter[Position] = TopologicalSorter()
    for each in VECTORS:
        order.add(Position.of(**each["current"]), Position.of(**each["other"]))
    assert set(order.static_order()) == ALL


def test_position__is_a_total_order() -> None:
    """Of any two positions one is newer, and a newer position than a newer one is newer."""
    for one, two in permutations(ALL, 2):
        assert one.is_newer_than(two) != two.is_newer_than(one)
    for one, two, three in permutations(ALL, 3):
        assert one.is_newer_than(three) or not (one.is_newer_than(two) and two.is_newer_than(three))
    assert not any(each.is_newer_than(each) for each in ALL)


@pytest.mark.parametrize(
    "language",
    [pytest.param(name, marks=[] if name == "python" else pytest.mark.toolchain) for name in LANGUAGES],
)
def test_position__decides_every_vector(language: str, tmp_path: Path) -> None:
    """The current event is kept, whether it arrives first or last."""
    messages = [message for each in VECTORS for message in to_messages(each)]
    state = keep_in(language, messages, tmp_path)
    assert state == {each.item: {"name": "current"} for each in messages}


@pytest.mark.parametrize("rule", WRONG_RULES.values(), ids=WRONG_RULES)
def test_vectors__reveal_a_wrong_rule(rule: Callable[[Vector], Any]) -> None:
    """At least one vector has another winner."""
    assert any(rule(each["current"]) <= rule(each["other"]) for each in VECTORS)


def test_vectors__have_numbers_of_all_lengths() -> None:
    """Sequence numbers of DynamoDB have 21 to 40 digits."""
    numbers = [each[name]["ce_sequence"] for each in VECTORS for name in ("current", "other")]
    assert {21, 40} <= {len(each) for each in numbers if each}


def test_position__is_the_same_in_all_python_examples() -> None:
    """Each example is a complete directory, so the module is copied."""
    copies = [path.read_text() for path in CONSUMERS.glob("*/position.py")]
    assert len(copies) > 1
    assert set(copies) == {(CONSUMERS / "python" / "position.py").read_text()}
