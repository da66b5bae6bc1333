"""Keep the expanded templates of each release, so that later templates can be compared with them.

`python -m tests.template.release_fixture` is a step of each release. It writes the templates of the version in
pyproject.toml to `releases/VERSION`. With `--check` it fails if those files are missing or outdated. SAM's translator
expands SAM's resources. Parameters, conditions and functions remain. The location of the code is a constant, so new
code alone does not change the files.
"""

import json
import re
import sys
from pathlib import Path

from local.paths import ROOT
from local.release.checks import read_version
from tests.template.document import BROKERS, Template, read_defaults, read_template
from tests.template.expansion import translate

RELEASES = Path(__file__).with_name("releases")
NAMES = {"template.yaml": "template.json", "table.yaml": "table.json"}
"""The file of each template in a release's folder."""


def read_expanded(name: str) -> Template:
    """Return a current template with SAM's resources expanded."""
    template = read_template(name)
    if "Transform" not in template:
        return template
    return translate(template, read_defaults(template) | BROKERS)


def read_release(version: str, name: str) -> Template:
    """Return the expanded template of a release."""
    template: Template = json.loads((RELEASES / version / NAMES[name]).read_text())
    return template


def find_releases() -> list[str]:
    """Return the versions of the stored releases, oldest first."""
    return sorted((path.name for path in RELEASES.iterdir()), key=to_numbers)


def to_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparisons."""
    return tuple(map(int, re.findall(r"\d+", version)))


def to_text(template: Template) -> str:
    """Format a template with one line for each parameter, condition, resource and output."""
    sections = []
    for name, section in template.items():
        text = json.dumps(section)
        if isinstance(section, dict):
            members = [f"  {json.dumps(each)}: {json.dumps(section[each])}" for each in section]
            text = "{\n" + ",\n".join(members) + "\n }"
        sections.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def write_release(version: str) -> Path:
    """Store the current templates as those of this release, and return their folder."""
    folder = RELEASES / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in NAMES.items():
        (folder / file).write_text(to_text(read_expanded(name)))
    return folder


def find_outdated(version: str) -> list[str]:
    """Return the files of this release that are missing or differ from the current templates."""
    expected = {file: to_text(read_expanded(name)) for name, file in NAMES.items()}
    stored = {path.name: path.read_text() for path in (RELEASES / version).glob("*.json")}
    return [file for file, text in expected.items() if stored.get(file) != text]


def main() -> int:
    """Write the files of the current version, or only check them (`--check`)."""
    version = read_version(ROOT)
    if sys.argv[1:] == ["--check"]:
        outdated = find_outdated(version)
        for file in outdated:
            sys.stderr.write(
                f"releases/{version}/{file} is outdated: if {version} is published, set the next version first; then "
                "run python -m tests.template.release_fixture, and commit the files\n"
            )
        return len(outdated)
    sys.stdout.write(f"wrote {write_release(version).relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
