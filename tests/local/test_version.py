"""The version of pyproject.toml is shown everywhere."""

import json
import subprocess
import sys
import tomllib

import pytest

from feature_events import VERSION
from feature_events.kafka.producer import DEFAULTS
from local.paths import ROOT
from tests.template.document import read_template


def test_version__is_that_of_the_project() -> None:
    """A release changes both."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("name", ["template.yaml", "table.yaml"])
def test_templates__show_the_version(name: str) -> None:
    """The description and the output Version of each stack contain it."""
    template = read_template(name)
    assert template["Description"].endswith(f" Version {VERSION}.")
    assert template["Outputs"]["Version"]["Value"] == VERSION


def test_logs__contain_the_version() -> None:
    """Every line has it, next to the service."""
    code = "from feature_events.logs import logger; logger.info('one')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "src", capture_output=True, check=True)  # noqa: S603 -- the test's own
    line = json.loads(done.stdout)
    assert (line["service"], line["version"]) == ("feature-events", VERSION)


def test_client_id__contains_the_version() -> None:
    """Kafka's logs and metrics show which version is connected."""
    assert DEFAULTS["client.id"] == f"feature-events-{VERSION}"
