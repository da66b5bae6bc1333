"""Invokes the function again and again, each time with records that it has never seen, and says what memory it has.

A program: how many invocations, after how many of them it is warm, and whether their items are `wide`, each with names
and a compute id that no item had before. It prints both samples as JSON.
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
from benchmarks.stream_events import Json, to_stream_event

_FEATURES = 20
_RECORDS = 10
_NAMES = 10_000
_COMPUTE_ID = 50_000
"""With so many names an item is 400 KB, the most that DynamoDB stores."""
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class Sample(NamedTuple):
    """What memory the process has."""

    resident_kib: int
    blocks: int
    """Blocks that Python's allocator has given away: every object is in at least one."""


def take_sample() -> Sample:
    """What memory this process has now, without its garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Sample(pages * _PAGE_KIB, sys.getallocatedblocks())


def _renew(event: Json, invocation: int) -> None:
    """Makes the event's records those of other entities."""
    for place, record in enumerate(event["Records"]):
        number = invocation * _RECORDS + place
        change = record["dynamodb"]
        entity = {"S": f"user-{number:08}"}
        change["Keys"]["bright_uid"] = change["NewImage"]["bright_uid"] = entity
        change["SequenceNumber"] = str(10**27 + number)
        record["eventID"] = f"{number:032x}"


def _widen(event: Json, invocation: int) -> None:
    """Makes the event one record of the largest item."""
    del event["Records"][1:]
    names = {f"feature_{invocation:08}_{number:05}_v1": {"N": "12.5"} for number in range(_NAMES)}
    features = event["Records"][0]["dynamodb"]["NewImage"]["features"]["M"]
    features["data"] = {"M": names}
    features["meta"]["M"]["compute_id"] = {"S": f"{invocation:08}" + "x" * _COMPUTE_ID}


def main() -> None:
    """Invokes, and prints."""
    invocations, warm, *kind = sys.argv[1:]
    event = to_stream_event(_FEATURES, _RECORDS).parse()
    samples = []
    with silence():
        function: Any = importlib.import_module("feature_events.handler")
        for invocation in range(int(invocations)):
            if invocation == int(warm):
                samples.append(take_sample())
            _renew(event, invocation)
            if kind == ["wide"]:
                _widen(event, invocation)
            # Parsed each time, as Lambda does
            if function.handler(json.loads(json.dumps(event)), Context()) != {"batchItemFailures": []}:
                raise RuntimeError("not every event was delivered")
        samples.append(take_sample())
    print(json.dumps(samples))  # noqa: T201  # it is what the program is for


if __name__ == "__main__":
    main()
