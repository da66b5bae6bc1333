"""The results of the benchmarks, stored in one file from which all tables and plots are made."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, Self

import confluent_kafka

from benchmarks.backfill import Backfill, BackfillCost, BackfillGrowth
from benchmarks.cold_start import FirstInvocation, Start
from benchmarks.counters import Work
from benchmarks.end_to_end import EndToEnd
from benchmarks.layouts import LayoutCost
from benchmarks.memory import Growth, Peak
from benchmarks.one_record import OneRecord
from benchmarks.sizes import Size
from benchmarks.throughput import Cost
from benchmarks.topic_index import IndexFigures
from local.paths import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
FILE = FOLDER / "results.json"

_PACKAGES = ("confluent-kafka", "fastavro", "aws-lambda-powertools", "avro")


class Results(NamedTuple):
    """All measurements of one run of `make bench`."""

    made: Mapping[str, str]
    """The date, the commit, the versions of the measured packages, and the machine."""
    costs: Sequence[Cost]
    layouts: Sequence[LayoutCost]
    work: Mapping[str, Sequence[Work]]
    starts: Sequence[Start]
    first_invocations: Sequence[FirstInvocation]
    peaks: Sequence[Peak]
    growth: Growth
    backfill: Backfill
    topic_index: IndexFigures
    one_record: OneRecord
    end_to_end: EndToEnd
    sizes: Sequence[Size]
    releases: Mapping[str, float]
    """Milliseconds of CPU to start a producer, by release of confluent-kafka. Empty if they were not compared."""

    @classmethod
    def read(cls, file: Path = FILE) -> Self:
        """Read the results of the last run."""
        found: dict[str, Any] = json.loads(file.read_text())
        return cls(
            made=found["made"],
            costs=[Cost(**each) for each in found["costs"]],
            layouts=[LayoutCost(**each) for each in found["layouts"]],
            work={of: [Work(**each) for each in work] for of, work in found["work"].items()},
            starts=[Start(**each) for each in found["starts"]],
            first_invocations=[FirstInvocation(**each) for each in found["first_invocations"]],
            peaks=[Peak(**each) for each in found["peaks"]],
            growth=Growth(**found["growth"]),
            backfill=_read_backfill(**found["backfill"]),
            topic_index=IndexFigures(**found["topic_index"]),
            one_record=OneRecord(**found["one_record"]),
            end_to_end=EndToEnd(**found["end_to_end"]),
            sizes=[Size(**each) for each in found["sizes"]],
            releases=found["releases"],
        )

    def write(self, file: Path = FILE) -> None:
        """Write the results, with one line for each value."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_to_plain(self), indent=1) + "\n")

    def find_cost(self, way: str, features: int, records: int | None) -> Cost:
        """Return the cost of a record for a contender. Without a number of records, the event is full."""
        for cost in self.costs:
            if (cost.way, cost.features) == (way, features) and (
                cost.is_full if records is None else cost.records == records
            ):
                return cost
        raise LookupError(f"{way} was not measured for {features} features, {records} records")

    def find_start(self, name: str) -> Start:
        """Return the measurement of this start."""
        return next(start for start in self.starts if start.name == name)


def describe_run() -> dict[str, str]:
    """Return the date, the commit, the versions of the measured packages, and the machine."""
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]  # the commit, not the latest tag
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit,
        "Python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "librdkafka": confluent_kafka.libversion()[0],
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _read_backfill(cost: Mapping[str, float], growth: Mapping[str, Any]) -> Backfill:
    return Backfill(BackfillCost(**cost), BackfillGrowth(**growth))


def _to_plain(value: object) -> object:
    """Convert named tuples to JSON objects, and round numbers to four digits."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _to_plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _to_plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_plain(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
