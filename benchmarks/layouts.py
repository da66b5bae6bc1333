"""Measure the CPU from stream record to message for each layout, compared with the default layout.

The records come from real writers. Each has a twin with the same features in an item of the default layout. Both are
measured in turns, and the minimum of all rounds counts. The program prints the costs as JSON.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.programs import make_command, run_to_end
from feature_events.pipeline import Pipeline
from tests.support.captures import Capture, list_stores, read_capture
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import to_pipeline
from tests.support.records import to_item, to_record

ROUNDS = 100
RECORDS = 1_000

type Json = dict[str, Any]


class LayoutCost(NamedTuple):
    """Microseconds of CPU for one record."""

    rows: str
    """The writer and the kind of the items."""
    features: float
    """The average number of features in a record."""
    cpu_us: float
    default_us: float
    """The cost of the twin."""


def measure_layouts() -> Sequence[LayoutCost]:
    """Run this module as a program."""
    output = run_to_end(make_command("layouts", str(ROUNDS)))
    return [LayoutCost(*each) for each in json.loads(output.text)]


def _make_twin(event: Json) -> Json:
    """Make the record of a usual item of the default layout, with the features of this event."""
    return to_record(item=to_item(tuple(event["features"])), entity=event["entity_id"])


def _fill(records: Sequence[Json]) -> list[Json]:
    """Repeat the records to fill a batch. Each is parsed separately, as Lambda does."""
    texts = [json.dumps(record) for record in records]
    return [json.loads(texts[number % len(texts)]) for number in range(RECORDS)]


def _time_us(pipeline: Pipeline, records: Sequence[Json]) -> float:
    start = time.process_time()
    prepared = pipeline.prepare(records, range(RECORDS))
    taken = time.process_time() - start
    if len(prepared.messages) < RECORDS:
        raise RuntimeError("some records produced no event")
    return taken / RECORDS * 1e6


def _name_rows(store: str, record: Json) -> str:
    """Return the name of the rows in the report. The forms of the default layout have different costs."""
    if store != "former-service":
        return store
    features = record["dynamodb"]["NewImage"]["features"]["M"]
    is_twice, is_older = list(features["data"]["M"]) == ["M"], "metadata" in features
    return f"{store}, {'serialized twice' if is_twice else 'older rows' if is_older else 'current rows'}"


def _measure(capture: Capture, rounds: int) -> Iterator[LayoutCost]:
    default = to_pipeline(FakePublisher(), FakeDeadLetters())
    encoder = default.encoder._replace(layouts=to_layouts(*capture.layouts))
    pipeline = default._replace(encoder=encoder)
    groups: defaultdict[str, list[tuple[Json, Json]]] = defaultdict(list)
    for record, event in zip(capture.records, capture.events, strict=True):
        if "skipped" not in event:
            groups[_name_rows(capture.store, record)].append((record, event))
    for rows, pairs in groups.items():
        records = _fill([record for record, _ in pairs])
        twins = _fill([_make_twin(event) for _, event in pairs])
        features = sum(len(event["features"]) for _, event in pairs) / len(pairs)
        turns = [(_time_us(pipeline, records), _time_us(default, twins)) for _ in range(rounds)]
        cpu_us, default_us = (min(each) for each in zip(*turns, strict=True))
        yield LayoutCost(rows, features, cpu_us, default_us)


def main() -> None:
    """Measure the costs, and print them."""
    rounds = int(sys.argv[1])
    costs = [cost for store in list_stores() for cost in _measure(read_capture(store), rounds)]
    print(json.dumps(costs))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
