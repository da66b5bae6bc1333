"""The sample events of `events/`, the settings they are tried with, and the answer that each has to get.

README promises these answers of `sam local invoke`; one table, events/answers.json, is what the promise and all tests
of it are made from.
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
    """File name -> {"answer": the handler's answer} or {"error": its error's type}, and what the event is about."""
    expected: dict[str, dict[str, Any]] = json.loads(ANSWERS.read_text())
    return expected


def to_outcome(answer: object) -> dict[str, Any]:
    """An invocation's answer in the table's words."""
    if isinstance(answer, Mapping) and "errorType" in answer:
        return {"error": answer["errorType"]}
    return {"answer": answer}


def to_expected_outcome(sample: Path) -> dict[str, Any]:
    """What the table expects of this event."""
    return {name: value for name, value in read_expected()[sample.name].items() if name != "what"}


def read_settings(template: Path) -> dict[str, str]:
    """The function's environment as `sam local invoke --env-vars events/env.json` makes it from this template."""
    document = yaml_parse(template.read_text())
    parameters = document["Parameters"]
    sections = document["Globals"]["Function"], document["Resources"][FUNCTION]["Properties"]
    variables = {name: value for each in sections for name, value in each["Environment"]["Variables"].items()}
    overrides = json.loads(SETTINGS.read_text()).get(FUNCTION, {})

    def resolve(value: object) -> str:
        if isinstance(value, Mapping) and "Fn::If" in value:  # every condition is false where nothing is given
            return resolve(value["Fn::If"][2])
        if isinstance(value, Mapping):
            name = str(value["Ref"])
            return str(parameters.get(name, {}).get("Default", name))
        return str(value)

    return {name: overrides[name] if name in overrides else resolve(value) for name, value in variables.items()}
