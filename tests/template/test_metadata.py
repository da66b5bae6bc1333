"""What the template says of itself is what the project says."""

import re
import tomllib

from local.paths import ROOT
from tests.template.document import read_template

INTERFACE = read_template()["Metadata"]["AWS::CloudFormation::Interface"]


def test_version__is_the_projects() -> None:
    """pyproject.toml and the changelog's newest release name the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (newest, *_) = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert project["version"] == newest


def test_metadata__promises_no_place_in_the_application_repository() -> None:
    """The Serverless Application Repository takes no template with a second transform."""
    assert len(read_template()["Transform"]) == 2
    assert list(read_template()["Metadata"]) == ["AWS::CloudFormation::Interface"]


def test_interface__has_every_parameter_once() -> None:
    """Every parameter is in one group, in the template's order; a label is of a parameter, and is not its name."""
    names = list(read_template()["Parameters"])
    assert [name for group in INTERFACE["ParameterGroups"] for name in group["Parameters"]] == names
    labels = {name: label["default"] for name, label in INTERFACE["ParameterLabels"].items()}
    assert set(labels) <= set(names)
    assert [name for name, label in labels.items() if label.replace(" ", "").lower() == name.lower()] == []


def test_parameters__say_what_they_are_and_what_they_may_be() -> None:
    """Every parameter has a description, a limit, and words for whoever breaks it."""
    limits = {"AllowedPattern", "AllowedValues", "MinValue"}
    vague = [
        name
        for name, parameter in read_template()["Parameters"].items()
        if not parameter.get("Description") or not parameter.get("ConstraintDescription") or not limits & set(parameter)
    ]
    assert vague == []
