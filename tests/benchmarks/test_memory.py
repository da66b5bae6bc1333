"""The function's memory does not grow with invocations, and the backfill's does not grow with pages."""

import json

from benchmarks.growth import Sample
from benchmarks.programs import make_command, run_to_end
from benchmarks.worker import make_settings

INVOCATIONS, WARM = 500, 100
WIDE_INVOCATIONS, WIDE_WARM = 300, 100
WIDE_MIB = 130
"""A quarter of the function's default memory."""
ITEMS, WARM_ITEMS = 30_000, 10_000
BROKER = make_settings("127.0.0.1:1") | {"KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}'}


def test_handler__does_not_grow_with_invocations() -> None:
    """After 400 warm invocations with new entities, fewer than 100 objects remain."""
    output = run_to_end(make_command("growth", str(INVOCATIONS), str(WARM)), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.blocks - warm.blocks < 100


def test_handler__does_not_grow_with_new_feature_names() -> None:
    """300 of the largest items, each with 10,000 new names, leave no more than 100 of them."""
    output = run_to_end(make_command("growth", str(WIDE_INVOCATIONS), str(WIDE_WARM), "wide"), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.resident_kib / 1024 < WIDE_MIB
    assert end.blocks - warm.blocks < 10_000  # fewer than one item's names


def test_backfill__does_not_grow_with_items() -> None:
    """After 20,000 items of different entities, fewer than 100 objects remain."""
    output = run_to_end(make_command("backfill", str(ITEMS), str(WARM_ITEMS)), BROKER)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.blocks - warm.blocks < 100
