"""Counts the work of one record: Python frames, calls and bytecode instructions, which no machine's load can change.

Run as a program it prints the counts as JSON, or with `--breakdown` as text, function by function. It has the process
to itself, since the function reads its settings when it is imported and whatever else runs Python would be counted.

A record's work is the difference between a batch of 1,000 records and one of a single record, so that what a batch
costs once falls out; that is counted too.
"""

import argparse
import gc
import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from benchmarks.contenders import Context
from benchmarks.programs import run_to_end, silence, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.worker import to_settings

FEATURES = (3, 100)
RECORDS = 999
"""How many more records the one batch has than the other: as many as are published at once."""

_BROKER = '{"test.mock.num.brokers": 1}'
_INSTRUCTION = sys.monitoring.events.INSTRUCTION

type Where = tuple[str, str]
"""A function: its file's path and its name."""


class Counts(NamedTuple):
    """What Python did, by the function in which it did it."""

    frames: Counter[Where]
    """Python functions entered, and generators resumed."""
    calls: Counter[Where]
    """The same, and functions in C called by Python code; making an instance of a class is none."""
    instructions: Counter[Where]
    """Bytecode instructions executed."""

    def less(self, other: "Counts") -> "Counts":
        """What is here and not there."""
        return Counts(*(Counter({k: a[k] - b[k] for k in a}) for a, b in zip(self, other, strict=True)))


class Work(NamedTuple):
    """The counts of one record, or of one batch."""

    features: int
    frames: float
    calls: float
    instructions: float


def count(run: Callable[[], object]) -> Counts:
    """What Python does to run this, in two runs: each way of counting would count the other."""
    counts = Counts(Counter(), Counter(), Counter())
    with _counting_calls(counts):
        run()
    with _counting_instructions(counts):
        run()
    return counts


@contextmanager
def _counting_calls(counts: Counts) -> Iterator[None]:
    own = sys._getframe().f_code  # noqa: SLF001  # to leave out how the counting ends

    def see(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code is own or frame.f_code.co_filename.endswith("contextlib.py"):
            return
        if event == "call":
            counts.frames[_to_where(frame.f_code)] += 1
        if event in ("call", "c_call"):
            counts.calls[_to_where(frame.f_code)] += 1

    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def _counting_instructions(counts: Counts) -> Iterator[None]:
    tool = sys.monitoring.PROFILER_ID

    def see(code: CodeType, _: int) -> None:
        counts.instructions[_to_where(code)] += 1

    sys.monitoring.use_tool_id(tool, "counters")
    sys.monitoring.register_callback(tool, _INSTRUCTION, see)
    sys.monitoring.set_events(tool, _INSTRUCTION)
    try:
        yield
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.register_callback(tool, _INSTRUCTION, None)
        sys.monitoring.free_tool_id(tool)


def _to_where(code: CodeType) -> Where:
    return code.co_filename, code.co_qualname


def count_handler(features: int) -> tuple[Counts, Counts]:
    """The counts of so many records, and those of a batch of one record, each in a warm function."""
    os.environ.update(to_settings("127.0.0.1:1"), KAFKA_PROPERTIES=_BROKER)
    function: Any = importlib.import_module("feature_events.handler")
    function.wire.cache_clear()
    counts = []
    for records in (RECORDS + 1, 1):
        event = to_stream_event(features, records).parse()

        def run(event: object = event) -> None:
            function.handler(event, Context())

        run()
        counts.append(count(run))
    many, one = counts
    return many.less(one), one


def to_work(features: int, counts: Counts, records: int) -> Work:
    """The counts' sums, for one of so many records."""
    return Work(features, *(round(each.total() / records, 2) for each in counts))


def measure_counters() -> dict[str, list[Work]]:
    """Runs this module as a program: the work of one `record` and of one `batch`, for each number of features."""
    found = json.loads(run_to_end(to_command("counters")).text)
    return {of: [Work(*each) for each in work] for of, work in found.items()}


def _to_lines(counts: Counts, records: int) -> Iterator[str]:
    for where in sorted(set().union(*counts), key=lambda where: -counts.instructions[where]):
        numbers = [each[where] / records for each in counts]
        if max(numbers) >= 1:
            columns = "".join(f"{number:10.2f}" for number in numbers)
            yield f"{columns}  {Path(where[0]).name}:{where[1]}"


def main() -> None:
    """Counts and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counters")
    parser.add_argument("--breakdown", action="store_true", help="as text, function by function")
    is_text = parser.parse_args().breakdown
    gc.disable()  # what the collector calls is nobody's work
    work: dict[str, list[Work]] = {"record": [], "batch": []}
    text = []
    with silence():
        for features in FEATURES:
            counted = dict(zip(work, count_handler(features), strict=True))
            for of, counts in counted.items():
                records = RECORDS if of == "record" else 1
                found = to_work(features, counts, records)
                work[of].append(found)
                text += [f"one {of}: {found}", *_to_lines(counts, records), ""]
    print("\n".join(text) if is_text else json.dumps(work))  # noqa: T201  # it is what the program is for


if __name__ == "__main__":
    main()
