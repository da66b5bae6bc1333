"""The function keeps nothing from one invocation to the next."""

import json

from tests.benchmarks.growth import Sample
from tests.benchmarks.programs import run_to_end, to_command
from tests.benchmarks.worker import to_settings

INVOCATIONS, WARM = 500, 100


def test_handler__keeps_nothing_of_an_invocation() -> None:
    """Four hundred warm invocations, each with entities never seen before, leave fewer objects than a hundred."""
    settings = to_settings("127.0.0.1:1") | {"KAFKA_PROPERTIES": '{"test.mock.num.brokers": 1}'}
    output = run_to_end(to_command("growth", str(INVOCATIONS), str(WARM)), settings)
    warm, end = (Sample(*each) for each in json.loads(output.text))
    assert end.blocks - warm.blocks < 100
