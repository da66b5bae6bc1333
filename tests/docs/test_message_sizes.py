"""docs/runbook.md has the sizes of the messages of a large item, for both versions of the schema.

The largest item has 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from feature_events.events.codec import Codec
from feature_events.events.schema import read_shipped_schema
from feature_events.kafka.producer import DEFAULTS
from local.paths import ROOT
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline, with_encoder
from tests.support.records import to_item, to_record

PAGE = (ROOT / "docs" / "runbook.md").read_text()
ITEM = 390 * 1024
NAME = 24
"""The length of each feature's name."""


def to_names(kind: str, count: int) -> tuple[str, ...]:
    """Return this number of feature names."""
    return tuple(f"{kind}_{number:0{NAME - 2}}" for number in range(count))


def to_stored_size(attributes: Mapping[str, Any]) -> int:
    """Return the minimal size of these attributes in DynamoDB, in bytes.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size = 0
    for name, value in attributes.items():
        [(kind, part)] = value.items()
        own = {"S": len(part), "N": (len(part) + 1) // 2 + 1, "M": 3}[kind]
        size += len(name) + own + (to_stored_size(part) + len(part) if kind == "M" else 0)
    return size


EMPTY = to_stored_size(to_record(item=to_item(()))["dynamodb"]["NewImage"])
COUNT = (ITEM - EMPTY) // (NAME + 2 + 1)
NEW, OLD = to_names("n", COUNT), to_names("o", COUNT)
CHANGES = {
    "`INSERT`": to_record(item=to_item(NEW)),
    "`MODIFY` of one feature": to_record(kind="MODIFY", item=to_item(NEW), old=to_item(NEW[1:])),
    "`MODIFY` of every feature": to_record(kind="MODIFY", item=to_item(NEW), old=to_item(NEW, value=2)),
    "`MODIFY` that replaces every feature by another": to_record(kind="MODIFY", item=to_item(NEW), old=to_item(OLD)),
}
FILES = ("feature_trigger.avsc", "feature_trigger_v2.avsc")


def measure(change: str) -> list[int]:
    """Return the size of this change's message under each schema."""
    doubles = FakePublisher(), FakeDeadLetters()
    pipelines = [with_encoder(to_pipeline(*doubles), codec=Codec(read_shipped_schema(file))) for file in FILES]
    return [pipeline.prepare([CHANGES[change]], range(1)).messages[0].size for pipeline in pipelines]


def test_item__has_the_documented_size() -> None:
    """One more feature would exceed 390 KB."""
    sizes = [
        to_stored_size(to_record(item=to_item(to_names("n", n)))["dynamodb"]["NewImage"]) for n in (COUNT, COUNT + 1)
    ]
    assert sizes[0] <= ITEM < sizes[1]


@pytest.mark.parametrize("change", CHANGES)
def test_page__has_the_size_of_each_message(change: str) -> None:
    """The rows of the table are the measured sizes in bytes."""
    first, second = measure(change)
    assert f"| {change} | {first:,} | {second:,} |" in PAGE


def test_page__recommends_a_sufficient_limit() -> None:
    """The default limit fits the largest item in version 1, and the recommended limit fits it in version 2."""
    default = DEFAULTS["message.max.bytes"]
    assert isinstance(default, int)
    sizes = [measure(change) for change in CHANGES]
    largest = 400 / 390
    assert max(first for first, _ in sizes) * largest < default < max(second for _, second in sizes)
    [advised] = re.findall(r'\{"message.max.bytes": (\d+)\}', PAGE)
    assert max(second for _, second in sizes) * largest < int(advised)
    assert f"default of {default:,} bytes" in PAGE
