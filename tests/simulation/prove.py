"""Runs the proof at full size and writes what it came to into README, *Promises*: `make prove`, about half an hour."""

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
README = ROOT / "README.md"
BEGIN, END = "<!-- promises: written by `make prove` -->\n", "<!-- end of promises -->\n"

type Figures = dict[str, list[str]]
"""What the parts of the proof reported, by part."""


class Promise(NamedTuple):
    """A row of the table."""

    promise: str
    test: str
    parts: tuple[str, ...]
    """The parts of the proof whose figures stand in the row."""


PROMISES = (
    Promise(
        "Nothing is lost: every change is in the topic, the dead letters, the on-failure destination or still in the "
        "stream. The first appearances of an entity's events are in stream order",
        "generated histories of writers, faults and time over the real function and a model of Kafka and of Lambda's "
        "mapping, looked at after every step; fewer of them with the real producer on sockets; three real brokers, "
        "killed one by one under load, and all at once for longer than the function waits",
        ("machine", "sockets", "brokers"),
    ),
    Promise("The same change has the same id and the same bytes", "the same histories and brokers", ("machine",)),
    Promise(
        "Nothing is sent after the function has returned",
        "the same histories; at the wire, every connection is cut at the return and what arrives after it is counted",
        ("wire",),
    ),
    Promise(
        "One bad record stops nobody, and a good one is never set aside",
        "the same histories; generated records with any part replaced by anything",
        ("input",),
    ),
    Promise(
        "What was given up can be redriven, as often as one likes",
        "dead letters in S3, some of them still poison and some stale, redriven twice into a real Kafka",
        ("redrive",),
    ),
    Promise(
        "Each of these tests would notice",
        "mutants of the code, each of which breaks one invariant",
        ("mutants",),
    ),
)

# How to say figures of which every run of a test reports one
_COUNTED = {
    "mutants": "{number} mutants, each found by its own of {distinct} invariants",
    "sockets": "{number} histories with the real producer on sockets",
    "wire": "0 requests after the return under {number} faults ({names})",
}


def to_section(figures: Figures, commit: str, day: str, minutes: float) -> str:
    """The table, from what was reported."""
    rows = [f"| {each.promise} | {each.test} | {_say(each.parts, figures)} |" for each in PROMISES]
    head = (
        f"`make prove` wrote this table on {day}, from commit {commit}, in {minutes:.0f} minutes; `make test` runs the "
        "same in small.\n\n"
        "| promise | how it is tested | last figures |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def replace_section(text: str, section: str) -> str:
    """README's text, with this section between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{section}{END}{after}"


def _say(parts: tuple[str, ...], figures: Figures) -> str:
    said = []
    for part in parts:
        found = figures.get(part, [])
        if not found:
            said.append("not run")
        elif part in _COUNTED:
            names = sorted(set(found))
            said.append(_COUNTED[part].format(number=len(found), distinct=len(names), names=", ".join(names)))
        else:
            said += found
    return "<br>".join(said)


def read_figures(file: Path) -> Figures:
    """What the parts reported, in their order."""
    figures: Figures = defaultdict(list)
    for line in file.read_text().splitlines():
        reported = json.loads(line)
        figures[reported["promise"]].append(reported["figures"])
    return figures


def main() -> int:
    """Runs everything; writes the table only if all of it holds."""
    begun = time.monotonic()
    with TemporaryDirectory() as directory:
        file = Path(directory) / "figures"
        environ = {**os.environ, "PROVE": "1", "PROVE_FIGURES": str(file)}
        command = [sys.executable, "-m", "pytest", "tests/simulation", "--show-capture=stdout", "--durations=10"]
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False)  # noqa: S603  # ours
        if done.returncode:
            return done.returncode
        figures = read_figures(file)
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    day = datetime.now(UTC).date().isoformat()
    section = to_section(figures, commit, day, (time.monotonic() - begun) / 60)
    README.write_text(replace_section(README.read_text(), section))
    sys.stdout.write("README's table of promises is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
