"""`make prove`: run the simulation at full size and write the results to docs/promises.md.

The page shows the figures. docs/promises.json also has the seed of each part, with which its run can be repeated. A run
of some tests (`make prove TESTS=...`) replaces only the figures of the parts that they belong to.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"
LAST_RUNS = ROOT / "docs" / "promises.json"
BEGIN, END = "<!-- promises: written by `make prove` -->\n", "<!-- end of promises -->\n"

type Figures = dict[str, list[str]]
"""The figures of each part of the proof, as texts for the table."""


class Part(NamedTuple):
    """The last run of a part of the proof, as stored in the file."""

    commit: str
    day: str
    """The date in UTC, in ISO 8601."""
    seed: int
    """The seed of the generated input; `make prove PROVE_SEED=...` repeats the run."""
    figures: list[str]


class Promise(NamedTuple):
    """A row of the table."""

    promise: str
    test: str
    parts: tuple[str, ...]
    """The parts of the proof whose figures are in the row."""


PROMISES = (
    Promise(
        "No change is lost: every change is in the topic, the dead letters, the on-failure destination or still in the "
        "stream. The first appearances of an entity's events are in stream order",
        "generated histories of writes, faults and time, with the real function and a model of Kafka and of Lambda's "
        "event source mapping, checked after every step; fewer histories with the real producer on sockets; three real "
        "brokers, killed one by one under load, and all together for longer than the function waits",
        ("machine", "sockets", "brokers"),
    ),
    Promise(
        "An upgrade or a rollback loses nothing and keeps the order, even while records fail",
        "the same histories; after each failed or partly delivered batch, an environment of another version retries it",
        ("upgrade",),
    ),
    Promise("The same change has the same id and the same bytes", "the same histories and brokers", ("machine",)),
    Promise(
        "Nothing is sent after the function has returned",
        "the same histories; on real sockets, every connection is cut at the return, and later requests are counted",
        ("wire",),
    ),
    Promise(
        "Below the dead-letter limit, a bad record does not block others. A valid record is never dead-lettered",
        "the same histories; generated records with any part replaced by any value; generated secrets, CA "
        "certificates, schemas, settings, requests and dead letters",
        ("input",),
    ),
    Promise(
        "Failed records can be redriven any number of times",
        "dead letters in S3, some of them still poison and some stale, redriven twice to a real Kafka broker",
        ("redrive",),
    ),
    Promise(
        "Once a backfill is complete and the stream has drained, an item's last event describes its current state",
        "generated histories of writes, a live stream that lags and fails, and workers that are killed between any "
        "two steps, with the real workers and pipeline and a model of Kafka",
        ("backfill",),
    ),
    Promise(
        "A consumer that applies the state rule has the table's current state",
        "generated histories of writes, deletions, expired and emptied items, dead letters, on-failure batches, "
        "redrives (also forced), duplicates, replaced tables, and up to two backfills with killed workers, with the "
        "real functions; the consumer is compared with the table after every step, for several differences between the "
        "clocks of streams and backfills; histories of plain events in any order",
        ("rule", "model"),
    ),
    Promise(
        "A backfill with `missing_only` announces exactly the items whose events are missing or outdated",
        "generated histories of lost, late and repeated events, added partitions, and workers that are killed between "
        "any two steps, with the real index, comparison and workers and a topic in memory",
        ("audit",),
    ),
    Promise(
        "Each test detects a violation",
        "mutants of the code, each of which breaks one invariant",
        ("mutants",),
    ),
)

# Texts for parts in which every test reports one figure
_COUNTED = {
    "mutants": "{number} mutants, each found by its own of {distinct} invariants",
    "sockets": "{number} histories with the real producer on sockets",
    "model": "histories of plain events in any order, by the difference between the clocks: {names}",
    "wire": "0 requests after the return under {number} faults ({names})",
}


def to_section(parts: Mapping[str, Part]) -> str:
    """Return the table, with its introduction."""
    rows = [f"| {each.promise} | {each.test} | {_to_cell(each.parts, parts)} |" for each in PROMISES]
    head = (
        "`make prove` runs these tests at full size in about 80 minutes and writes this table, or with `TESTS=FILES` "
        "only the figures of these tests; `make test` runs smaller versions. The seed of each run, with which `make "
        f"prove PROVE_SEED=...` repeats it, is in [{LAST_RUNS.name}]({LAST_RUNS.name}).\n\n"
        "| promise | how it is tested | last figures |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _to_cell(names: tuple[str, ...], parts: Mapping[str, Part]) -> str:
    found = [parts[name] for name in names]
    runs = dict.fromkeys(f"commit {part.commit}, {part.day}" for part in found)
    return "<br>".join([*[figure for part in found for figure in part.figures], f"({'; '.join(runs)})"])


def replace_section(text: str, section: str) -> str:
    """Replace the section between the markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{section}{END}{after}"


def read_figures(file: Path) -> Figures:
    """Read the reported figures: one JSON object with `promise` and `figures` per line."""
    reported: Figures = defaultdict(list)
    for line in file.read_text().splitlines():
        row = json.loads(line)
        reported[row["promise"]].append(row["figures"])
    return {part: _say(part, found) for part, found in reported.items()}


def _say(part: str, found: list[str]) -> list[str]:
    if part not in _COUNTED:
        return found
    names = sorted(set(found))
    return [_COUNTED[part].format(number=len(found), distinct=len(names), names=", ".join(names))]


def read_parts() -> dict[str, Part]:
    """Read the last run of each part."""
    return {name: Part(**part) for name, part in json.loads(LAST_RUNS.read_text()).items()}


def main() -> int:
    """Run all tests, or those that the arguments name. Write table and file only if all of them pass."""
    seed = int(os.environ.get("PROVE_SEED") or time.time())
    with TemporaryDirectory() as directory:
        file = Path(directory) / "figures"
        environ = {**os.environ, "PROVE": "1", "PROVE_SEED": str(seed), "PROVE_FIGURES": str(file)}
        tests = sys.argv[1:] or ["tests/simulation"]
        command = [sys.executable, "-m", "pytest", *tests, "--show-capture=stdout", "--durations=10"]
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False)  # noqa: S603  # ours
        if done.returncode:
            return done.returncode
        figures = read_figures(file)
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]  # the commit, not the latest tag
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    day = datetime.now(UTC).date().isoformat()
    parts = read_parts() | {name: Part(commit, day, seed, found) for name, found in figures.items()}
    LAST_RUNS.write_text(json.dumps({name: part._asdict() for name, part in sorted(parts.items())}, indent=2) + "\n")
    PAGE.write_text(replace_section(PAGE.read_text(), to_section(parts)))
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)} and {LAST_RUNS.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
