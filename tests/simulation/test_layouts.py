"""Any record of any layout produces an event, is skipped, or raises one of this project's errors."""

import copy
import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.entity_features import FeaturesMode
from tests.simulation.garbage import spoil, to_garbage
from tests.simulation.scale import SEED, report, scaled
from tests.support.captures import list_stores, read_capture
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import to_pipeline, with_encoder

RECORDS = scaled(600, 50_000)
"""The number of records per store."""
JSON = (
    "[]",
    "{}",
    "null",
    "3",
    '{"a": 1e999, "b": NaN}',
    '{"a": ' + "9" * 5000 + "}",
    "[" * 50_000,
    '{"\\ud800": 1}',
    "{",
)


def corrupt(random: Random, record: Any) -> Any:  # noqa: ANN401  # any JSON
    """Return a copy of a real writer's record with up to three corrupted parts."""
    record = copy.deepcopy(record)
    for _ in range(random.randrange(4)):
        body = record.get("dynamodb")
        spoil(random, body if type(body) is dict and random.random() < 0.9 else record)
    image = record.get("dynamodb")
    image = image.get("NewImage") if type(image) is dict else None
    if type(image) is dict and image and random.random() < 0.2:
        image[random.choice(list(image))] = {"S": random.choice(JSON)} if random.random() < 0.5 else to_garbage(random)
    if random.random() < 0.3 and type(record.get("dynamodb")) is dict:
        record["dynamodb"]["OldImage"] = to_garbage(random) if random.random() < 0.5 else {"a": to_garbage(random)}
    return record


def find_reason(message: str) -> str:
    """Return why the stream or its table is misconfigured."""
    return next(reason for reason in ("StreamViewType", "no layout fits the table") if reason in message)


@pytest.mark.parametrize("store", list_stores())
def test_prepare__classifies_every_record(store: str) -> None:
    """A record is an event, skipped or poison. Misconfigured is raised only for the stream or its table."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    capture = read_capture(store)
    outcomes = Counter[str]()
    modes: tuple[FeaturesMode, FeaturesMode] = ("all", "changed")
    pipelines = [to_pipeline(FakePublisher(), FakeDeadLetters(), features_mode=mode) for mode in modes]
    for _ in range(RECORDS):
        record = corrupt(random, random.choice(capture.records))
        removals = random.choice(("none", "events"))
        pipeline = with_encoder(random.choice(pipelines), layouts=to_layouts(*capture.layouts), removals=removals)
        try:
            prepared = pipeline.prepare([record], range(1))
        except Misconfigured as error:
            outcomes[find_reason(str(error))] += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {json.dumps(record)}") from error
        else:
            assert len(prepared.messages) + len(prepared.skipped) + len(prepared.poison) == 1
            assert all(type(poison) is PoisonRecord for poison in prepared.poison.values())
            outcomes["event" if prepared.messages else "skip" if prepared.skipped else "poison"] += 1
    assert outcomes["event"] > RECORDS // 10
    assert outcomes["poison"] > RECORDS // 20
    report("input", f"{RECORDS:,} records of {store}'s layout: an event, a skip or one of the errors")
