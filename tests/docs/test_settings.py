"""docs/settings.md lists the settings that the function reads, their defaults, and the parameters that set them."""

import re
from collections.abc import Iterator, Mapping

import pytest

from feature_events.errors import Misconfigured
from feature_events.settings.settings import Settings, read_settings
from local.paths import ROOT
from tests.docs.pages import read_table
from tests.template.document import read_template

TEXT = (ROOT / "docs" / "settings.md").read_text()
SETTINGS = read_table("setting", TEXT)
FORMER_NAMES = {"DEAD_LETTER_BUCKET"}
"""Former names that the function may still read."""


class RecordingEnvironment(Mapping[str, str]):
    """An empty environment that records which variables were read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_settings__are_those_of_the_code() -> None:
    """The table lists every setting that the function reads, and no other."""
    environ = RecordingEnvironment()
    with pytest.raises(Misconfigured):
        read_settings(environ)
    names = environ.names - FORMER_NAMES
    assert set(SETTINGS) == names
    assert len(names) == len(Settings._fields)


def test_settings__have_the_documented_defaults() -> None:
    """Setting a variable to its documented default changes nothing."""
    given = {"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}
    plain = read_settings(given)
    for name, (_, default, _) in SETTINGS.items():
        if default.startswith("`"):
            assert read_settings({**given, name: default.strip("`")}) == plain, name


def test_parameters__are_those_of_the_template() -> None:
    """The table names an existing parameter; if the template copies a parameter into a variable, it names that one."""
    template = read_template()
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    copied = {name: value["Ref"] for name, value in variables.items() if isinstance(value, dict) and "Ref" in value}
    for name, (parameter, _, _) in SETTINGS.items():
        (named,) = re.findall(r"`(\w+)(?:=[^`]*)?`", parameter) or [""]
        assert not named or named in template["Parameters"], name
        assert copied.get(name, named) in {named, "FailureBucket"}, name
