"""`make prove`: run the simulation at full size and write the results to docs/promises.md.

The page shows the figures. docs/promises.json also has the seed, with which the run can be repeated.
"""

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "promises.md"
LAST_RUN = ROOT / "docs" / "promises.json"
BEGIN, END = "<!-- promises: written by `make prove` -->\n", "<!-- end of promises -->\n"

type Figures = dict[str, list[str]]
"""The figures of each part of the proof, as texts for the table."""


class Run(NamedTuple):
    """A full run, as stored in the file."""

    commit: str
    day: str
    """The date in UTC, in ISO 8601."""
    minutes: int
    seed: int
    """The seed of the generated input; `make prove PROVE_SEED=...` repeats the run."""
    figures: Figures


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


def to_section(run: Run) -> str:
    """Return the table of a run, with its introduction."""
    rows = [f"| {each.promise} | {each.test} | {_to_cell(each.parts, run.figures)} |" for each in PROMISES]
    head = (
        f"`make prove` wrote this table on {run.day}, from commit {run.commit}, in {run.minutes} minutes; `make test` "
        "runs smaller versions of the tests. The seed, with which `make prove PROVE_SEED=...` repeats it, is in "
        f"[{LAST_RUN.name}]({LAST_RUN.name}).\n\n"
        "| promise | how it is tested | last figures |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _to_cell(parts: tuple[str, ...], figures: Figures) -> str:
    return "<br>".join(said for part in parts for said in figures.get(part, ["not run"]))


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


def read_run() -> Run:
    """Read the last full run."""
    return Run(**json.loads(LAST_RUN.read_text()))


def main() -> int:
    """Run everything; write the table and the file only if all tests pass."""
    begun = time.monotonic()
    seed = int(os.environ.get("PROVE_SEED") or time.time())
    with TemporaryDirectory() as directory:
        file = Path(directory) / "figures"
        environ = {**os.environ, "PROVE": "1", "PROVE_SEED": str(seed), "PROVE_FIGURES": str(file)}
        command = [sys.executable, "-m", "pytest", "tests/simulation", "--show-capture=stdout", "--durations=10"]
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False)  # noqa: S603  # ours
        if done.returncode:
            return done.returncode
        figures = read_figures(file)
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    day = datetime.now(UTC).date().isoformat()
    run = Run(commit, day, round((time.monotonic() - begun) / 60), seed, figures)
    LAST_RUN.write_text(json.dumps(run._asdict(), indent=2) + "\n")
    PAGE.write_text(replace_section(PAGE.read_text(), to_section(run)))
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)} and {LAST_RUN.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
