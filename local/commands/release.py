"""`make release`: build the release of this commit in dist."""

import re
from functools import partial
from pathlib import Path

from rich.console import Console

from local.commands import command
from local.paths import ROOT
from local.release.build import build_release
from local.release.checks import check_release
from local.steps import Steps

DIRECTORY = "dist"
NOTES = "release-notes.md"


def release(console: Console, tag: str | None, source: Path = ROOT) -> int:
    """Build the release of a checkout, with the notes for GitHub."""
    changes = check_release(source, tag)
    directory = source / DIRECTORY
    with Steps(console) as steps, steps.step("release") as step:
        built = build_release(directory, source)
        (directory / NOTES).write_text(to_notes(changes) + "\n")
        step.detail = str(built.relative_to(source))
    return 0


def to_notes(changes: str) -> str:
    """Convert a section of CHANGELOG.md to notes of a release on GitHub.

    Links to files of the checkout lead nowhere from that page, and each newline would be a line break.
    """
    text = re.sub(r"\s+\(\[(?:docs|details|runbook|guide|exercise)\]\((?!https?:)[^)]+\)\)", "", changes)
    text = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"\1", text)
    return re.sub(r"(?<=\S)\n *(?!\n|#|\||- |\d+\. )(?=\S)", " ", text)


def main() -> None:
    """Parse the command line and build the release."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--tag", help="the tag of the release, which must name the version")
    command.run(partial(release, tag=parser.parse_args().tag))
