"""Invoke the function many times with new records, and sample its memory.

The program's arguments are the number of invocations, the number of warm-up invocations, and optionally `wide` for
items of the largest size, each with new feature names and a new compute id. It prints two samples as JSON.
"""

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders import Context
from benchmarks.programs import silence
from benchmarks.stream_events import Json, make_stream_event

_FEATURES = 20
_RECORDS = 10
_NAMES = 10_000
_COMPUTE_ID = 50_000
"""The size of a compute id. With it, an item has 400 KB, the maximum in DynamoDB."""
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class Sample(NamedTuple):
    """The memory of a process."""

    resident_kib: int
    blocks: int
    """Blocks that Python's allocator has allocated. Every object uses at least one."""


def take_sample() -> Sample:
    """Collect garbage, and return the memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(pages * _PAGE_KIB, sys.getallocatedblocks())


def _renew(event: Json, invocation: int) -> None:
    """Replace the entities of the event's records by new ones."""
    for place, record in enumerate(event["Records"]):
        number = invocation * _RECORDS + place
        change = record["dynamodb"]
        entity = {"S": f"user-{number:08}"}
        change["Keys"]["bright_uid"] = change["NewImage"]["bright_uid"] = entity
        change["SequenceNumber"] = str(10**27 + number)
        record["eventID"] = f"{number:032x}"


def _widen(event: Json, invocation: int) -> None:
    """Replace the event's records by one with the largest item."""
    del event["Records"][1:]
    names = {f"feature_{invocation:08}_{number:05}_v1": {"N": "12.5"} for number in range(_NAMES)}
    features = event["Records"][0]["dynamodb"]["NewImage"]["features"]["M"]
    features["data"] = {"M": names}
    features["meta"]["M"]["compute_id"] = {"S": f"{invocation:08}" + "x" * _COMPUTE_ID}


def main() -> None:
    """Invoke the function, and print the samples."""
    invocations, warm, *kind = sys.argv[1:]
    event = make_stream_event(_FEATURES, _RECORDS).parse()
    samples = []
    with silence():
        function: Any = importlib.import_module("feature_events.handler")
        for invocation in range(int(invocations)):
            if invocation == int(warm):
                samples.append(take_sample())
            _renew(event, invocation)
            if kind == ["wide"]:
                _widen(event, invocation)
            # Lambda parses each event
            if function.handler(json.loads(json.dumps(event)), Context()) != {"batchItemFailures": []}:
                raise RuntimeError("some events were not delivered")
        samples.append(take_sample())
    print(json.dumps(samples))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
