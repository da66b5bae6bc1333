"""The function keeps nothing from one invocation to the next, nor the backfill from one page to the next."""

import json

from benchmarks.growth import Sample
from benchmarks.programs import run_to_end, to_command
from benchmarks.worker import to_settings

INVOCATIONS, WARM = 500, 100
WIDE_INVOCATIONS, WIDE_WARM = 300, 100
WIDE_MIB = 130
"""A quarter of the memory that the function has by default."""
ITEMS, WARM_ITEMS = 30_000, 10_000
BROKER = to_settings("127.0.0.1:1") | {"KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}'}


def test_handler__keeps_nothing_of_an_invocation() -> None:
    """Four hundred warm invocations, each with entities never seen before, leave fewer objects than a hundred."""
    output = run_to_end(to_command("growth", str(INVOCATIONS), str(WARM)), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.blocks - warm.blocks < 100


def test_handler__keeps_little_of_items_that_are_all_unlike() -> None:
    """Of the largest items, each with ten thousand new names, three hundred leave no more than a hundred do."""
    output = run_to_end(to_command("growth", str(WIDE_INVOCATIONS), str(WIDE_WARM), "wide"), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.resident_kib / 1024 < WIDE_MIB
    assert end.blocks - warm.blocks < 10_000  # fewer than one item's names


def test_backfill__keeps_nothing_of_a_page() -> None:
    """Twenty thousand items, each of another entity, leave fewer objects than a hundred."""
    output = run_to_end(to_command("backfill", str(ITEMS), str(WARM_ITEMS)), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.blocks - warm.blocks < 100
