"""Count the work of one record: Python frames, calls and bytecode instructions, which do not depend on the load.

The program prints the counts as JSON, or with `--breakdown` as text for each function. It needs its own process: the
function reads its settings when it is imported, and other Python code would be counted too.

The work of a record is the difference between a batch of 1,000 records and a batch of one, so it excludes the work of a
batch. That is counted separately.
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
from benchmarks.programs import make_command, run_to_end, silence
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import make_settings

FEATURES = (3, 100)
RECORDS = 999
"""The difference in records between the two batches. Both are published in one wave."""

_BROKER = '{"test.mock.num.brokers": 1}'
_INSTRUCTION = sys.monitoring.events.INSTRUCTION

type Where = tuple[str, str]
"""A function: the path of its file, and its name."""


class Counts(NamedTuple):
    """The work of Python by function."""

    frames: Counter[Where]
    """Calls of Python functions, and resumed generators."""
    calls: Counter[Where]
    """The same, plus calls of C functions from Python code. Creating an instance of a class does not count."""
    instructions: Counter[Where]
    """Executed bytecode instructions."""

    def subtract(self, other: "Counts") -> "Counts":
        """Return the difference of two counts."""
        return Counts(*(Counter({k: a[k] - b[k] for k in a}) for a, b in zip(self, other, strict=True)))


class Work(NamedTuple):
    """The counts of one record, or of one batch."""

    features: int
    frames: float
    calls: float
    instructions: float


def count(run: Callable[[], object]) -> Counts:
    """Count the work of a call in two runs, because each way of counting would count the other."""
    counts = Counts(Counter(), Counter(), Counter())
    with _counting_calls(counts):
        run()
    with _counting_instructions(counts):
        run()
    return counts


@contextmanager
def _counting_calls(counts: Counts) -> Iterator[None]:
    own = sys._getframe().f_code  # noqa: SLF001  # excludes the end of the counting

    def see(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code is own or frame.f_code.co_filename.endswith("contextlib.py"):
            return
        if event == "call":
            counts.frames[_find_function(frame.f_code)] += 1
        if event in ("call", "c_call"):
            counts.calls[_find_function(frame.f_code)] += 1

    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def _counting_instructions(counts: Counts) -> Iterator[None]:
    tool = sys.monitoring.PROFILER_ID

    def see(code: CodeType, _: int) -> None:
        counts.instructions[_find_function(code)] += 1

    sys.monitoring.use_tool_id(tool, "counters")
    sys.monitoring.register_callback(tool, _INSTRUCTION, see)
    sys.monitoring.set_events(tool, _INSTRUCTION)
    try:
        yield
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.register_callback(tool, _INSTRUCTION, None)
        sys.monitoring.free_tool_id(tool)


def _find_function(code: CodeType) -> Where:
    return code.co_filename, code.co_qualname


def count_handler(features: int) -> tuple[Counts, Counts]:
    """Count the work of RECORDS records, and that of a batch of one record, in a warm function."""
    os.environ.update(make_settings("127.0.0.1:1"), KAFKA_PROPERTIES=_BROKER)
    function: Any = importlib.import_module("feature_events.handler")
    function.wire.cache_clear()
    counts = []
    for records in (RECORDS + 1, 1):
        event = make_stream_event(features, records).parse()

        def run(event: object = event) -> None:
            function.handler(event, Context())

        run()
        counts.append(count(run))
    many, one = counts
    return many.subtract(one), one


def average(features: int, counts: Counts, records: int) -> Work:
    """Return the total counts for one of these records."""
    return Work(features, *(round(each.total() / records, 2) for each in counts))


def measure_counters() -> dict[str, list[Work]]:
    """Run this module as a program: measure one `record` and one `batch`, for each number of features."""
    found = json.loads(run_to_end(make_command("counters")).text)
    return {of: [Work(*each) for each in work] for of, work in found.items()}


def _make_lines(counts: Counts, records: int) -> Iterator[str]:
    for where in sorted(set().union(*counts), key=lambda where: -counts.instructions[where]):
        numbers = [each[where] / records for each in counts]
        if max(numbers) >= 1:
            columns = "".join(f"{number:10.2f}" for number in numbers)
            yield f"{columns}  {Path(where[0]).name}:{where[1]}"


def main() -> None:
    """Count the work, and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.counters")
    parser.add_argument("--breakdown", action="store_true", help="print text for each function")
    is_text = parser.parse_args().breakdown
    gc.disable()  # the garbage collector's calls are not work of the function
    work: dict[str, list[Work]] = {"record": [], "batch": []}
    text = []
    with silence():
        for features in FEATURES:
            counted = dict(zip(work, count_handler(features), strict=True))
            for of, counts in counted.items():
                records = RECORDS if of == "record" else 1
                found = average(features, counts, records)
                work[of].append(found)
                text += [f"one {of}: {found}", *_make_lines(counts, records), ""]
    print("\n".join(text) if is_text else json.dumps(work))  # noqa: T201  # the output of the program


if __name__ == "__main__":
    main()
