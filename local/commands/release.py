"""`make release`: build the release of this commit in dist."""

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
        (directory / NOTES).write_text(changes + "\n")
        step.detail = str(built.relative_to(source))
    return 0


def main() -> None:
    """Parse the command line and build the release."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--tag", help="the tag of the release, which must name the version")
    command.run(partial(release, tag=parser.parse_args().tag))
