"""The counted work of a record and a batch stays within `benchmarks/bounds.json`.

If a change needs more work, raise the bound in the same commit, so that it is reviewed.
"""

import json
from pathlib import Path

import pytest

from benchmarks.counters import Work, measure_counters
from benchmarks.traffic import PARTITIONS, Traffic, measure_traffic

BOUNDS = json.loads((Path(__file__).parents[2] / "benchmarks" / "bounds.json").read_text())


@pytest.fixture(scope="module")
def work() -> dict[str, list[Work]]:
    """Count the work of a record and a batch."""
    return measure_counters()


@pytest.fixture(scope="module")
def traffic() -> list[Traffic]:
    """Count the requests of the start and of each invocation."""
    return measure_traffic()


def find_excess(work: dict[str, list[Work]], of: str) -> dict[tuple[int, str], tuple[int, int]]:
    """Return the counts that exceed their bounds, with the bounds."""
    return {
        (each.features, name): (found, bound)
        for each in work[of]
        for name, bound in BOUNDS[of].items()
        if (found := round(getattr(each, name))) > bound
    }


@pytest.mark.parametrize("of", ["record", "batch"])
def test_work__is_within_its_bounds(work: dict[str, list[Work]], of: str) -> None:
    """The bounds apply to 3 and to 100 features."""
    # On a busy machine, an invocation can wait once more, so a count that is too high is repeated
    assert (find_excess(work, of) and find_excess(measure_counters(), of)) == {}


def test_work__does_not_grow_with_the_features(work: dict[str, list[Work]]) -> None:
    """A record with 100 features needs the same work as one with 3. Additional waves of its batch round to zero."""
    assert [each.features for each in work["record"]] == [3, 100]
    assert len({tuple(round(number) for number in each[1:]) for each in work["record"]}) == 1


def test_registry_and_s3__get_no_requests_from_warm_invocations(traffic: list[Traffic]) -> None:
    """The start sends one request to the registry. A valid batch sends none to the registry or S3."""
    start, *invocations = traffic
    assert (start.web, [each.web for each in invocations]) == (1, [0, 0, 0, 0])


def test_kafka__gets_one_request_per_partition_from_warm_invocations(traffic: list[Traffic]) -> None:
    """Later invocations request no metadata."""
    _, _, thousand, single, hundred = traffic
    assert [dict(each.kafka) for each in (thousand, single, hundred)] == [
        {"Produce": PARTITIONS},
        {"Produce": 1},
        {"Produce": PARTITIONS},
    ]


def test_kafka__gets_the_metadata_request_at_the_start(traffic: list[Traffic]) -> None:
    """The first batch does not wait for a connection and the topic's metadata."""
    start, *_ = traffic
    assert start.kafka["Metadata"] > 0
