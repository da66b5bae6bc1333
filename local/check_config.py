"""Find misspelled names in samconfig.toml, which sam ignores silently: `python -m local.check_config [FILE]`."""

import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import click
from samcli.cli.main import cli  # type: ignore[import-untyped]
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from local.paths import ROOT

TEMPLATE = ROOT / "template.yaml"
GLOBAL = "global"
"""The section whose options apply to every command that has them."""


def find_mistakes(config: Mapping[str, Any], parameters: Collection[str]) -> Iterator[str]:
    """Find commands, options and template parameters that do not exist, and suggest the closest names."""
    sections = [
        (f"[{environment}.{command}.parameters]", command, section.get("parameters", {}))
        for environment, commands in config.items()
        if isinstance(commands, Mapping)
        for command, section in commands.items()
    ]
    known = {command: read_options(command) for _, command, _ in sections if command != GLOBAL}
    known[GLOBAL] = frozenset().union(*known.values())
    for place, command, given in sections:
        if command != GLOBAL and not known[command]:
            yield f"{place}: sam has no command {command.replace('_', ' ')}"
            continue
        for option in given:
            if option not in known[command]:
                yield f"{place}: sam has no option {option}{suggest(option, known[command])}"
        for name in read_overrides(given.get("parameter_overrides", "")):
            if name not in parameters:
                yield f"{place}: template.yaml has no parameter {name}{suggest(name, parameters)}"


def suggest(name: str, known: Collection[str]) -> str:
    """Return a suggestion of the closest known name, to be appended to a message."""
    return "".join(f"; did you mean {each}?" for each in get_close_matches(name, known, 1, 0.0))


def read_overrides(given: object) -> list[str]:
    """Return the names of the template parameters, given in either form that sam accepts."""
    return list(CfnParameterOverridesType().convert(given, None, None)) if given else []


@cache
def read_options(command: str) -> frozenset[str]:
    """Return the options of a sam command by their names in samconfig.toml, or none for an unknown command."""
    group: Any = cli
    for word in command.split("_"):
        if word not in group.list_commands(CONTEXT):
            return frozenset()
        group = group.get_command(CONTEXT, word)
    return frozenset(each.name for each in group.params if each.name)


CONTEXT = click.Context(cli, obj=True)
"""A context for sam. It needs an object to read a command's options as well as its name."""


def read_config(path: Path) -> dict[str, Any]:
    """Read the file, or exit with the reason why it cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read: {error}")


def main() -> None:
    """Check one file, and exit with an error for each mistake."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "samconfig.toml"
    parameters = yaml_parse(TEMPLATE.read_text())["Parameters"]
    mistakes = [f"{path.name}: {each}" for each in find_mistakes(read_config(path), parameters)]
    if mistakes:
        sys.exit("\n".join([*mistakes, "sam ignores these names. Correct or delete them."]))


if __name__ == "__main__":
    main()
