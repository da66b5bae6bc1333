"""Read the sample events in `events/`, their settings and their expected responses.

README's table and all tests of the samples use events/answers.json.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from local.application.artefacts import FUNCTION
from local.paths import ROOT

EVENTS = ROOT / "events"
ANSWERS = EVENTS / "answers.json"
SETTINGS = EVENTS / "env.json"
SAMPLES = sorted(set(EVENTS.glob("*.json")) - {ANSWERS, SETTINGS})


def read_expected() -> dict[str, dict[str, Any]]:
    """Return the expected response ("answer") or error type ("error") of each file, with its description ("what")."""
    expected: dict[str, dict[str, Any]] = json.loads(ANSWERS.read_text())
    return expected


def to_outcome(response: object) -> dict[str, Any]:
    """Convert a response to the form of events/answers.json."""
    if isinstance(response, Mapping) and "errorType" in response:
        return {"error": response["errorType"]}
    return {"answer": response}


def find_expected_outcome(sample: Path) -> dict[str, Any]:
    """Return the expected outcome of a sample."""
    return {name: value for name, value in read_expected()[sample.name].items() if name != "what"}


def read_settings(template: Path) -> dict[str, str]:
    """Return the variables that `sam local invoke --env-vars events/env.json` sets with this template."""
    document = yaml_parse(template.read_text())
    parameters = document["Parameters"]
    sections = document["Globals"]["Function"], document["Resources"][FUNCTION]["Properties"]
    variables = {name: value for each in sections for name, value in each["Environment"]["Variables"].items()}
    overrides = json.loads(SETTINGS.read_text()).get(FUNCTION, {})

    def resolve(value: object) -> str:
        if isinstance(value, Mapping) and "Fn::If" in value:  # without parameters, every condition is false
            return resolve(value["Fn::If"][2])
        if isinstance(value, Mapping):
            name = str(value["Ref"])
            return str(parameters.get(name, {}).get("Default", name))
        return str(value)

    return {name: overrides[name] if name in overrides else resolve(value) for name, value in variables.items()}
