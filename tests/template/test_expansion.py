"""What CloudFormation makes of the template is complete, whatever the parameters, and its linter finds nothing."""

import json
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import read_template
from tests.template.expansion import SETS, evaluate_everything, expand, expand_set, find_open


@pytest.mark.parametrize("name", SETS)
def test_functions__are_evaluated_where_a_condition_is_false_too(name: str) -> None:
    """CloudFormation's language extensions do so, and refuse a template that selects what is not there."""
    evaluate_everything(read_template(), SETS[name])


def test_functions__that_select_what_is_not_there_are_found() -> None:
    """A split that is not padded fails for the default none, although no stream's policy is made then."""
    template = read_template()
    (_, _, loop) = template["Resources"]["Fn::ForEach::RedrivePolicies"]
    (policy,) = loop.values()
    policy["Properties"]["PolicyName"] = {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Sub": "${StreamArn}"}]}]}
    evaluate_everything(template, SETS["one stream"])
    with pytest.raises(Exception, match="Select index out of bounds"):
        evaluate_everything(template, SETS["own tables"])


@pytest.mark.parametrize("name", SETS)
def test_expansion__leaves_nothing_open_that_is_known(name: str) -> None:
    """Only functions that wait for a resource are left, and each names resources that are made."""
    expanded = expand_set(name)
    for section in ("Resources", "Outputs"):
        assert list(find_open(expanded[section], expanded["Resources"])) == []


def test_expansion__finds_what_is_left_open() -> None:
    """A parameter that was not replaced, and a resource that a condition rules out, are named by their places."""
    expanded = expand_set("pinned id")
    broken = {
        "Topic": {"Ref": "TopicName"},
        "Table": {"Fn::GetAtt": ["SchemaRegistration", "SchemaId"]},
        "Text": {"Fn::Sub": "${AWS::Region}"},
        "Fine": {"Fn::Sub": "${FailureBucket.Arn}/*"},
    }
    assert [each.split(":")[0] for each in dict.fromkeys(find_open(broken, expanded["Resources"]))] == [
        *["/Topic"] * 2,
        *["/Table"] * 2,
        *["/Text"] * 2,
    ]


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The linter reads .cfnlintrc.yaml of where it runs, which says what to overlook in the template as written."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", SETS)
def test_lint__finds_nothing(name: str) -> None:
    """Neither errors nor warnings, with nothing overlooked."""
    found = lint(json.dumps(expand_set(name)), config=ManualArgs(regions=[REGION]))
    assert [f"{each.rule.id} {each.message}" for each in found] == []


def test_lint__finds_what_is_wrong() -> None:
    """The linter is at work: it finds a property that the bucket does not have."""
    expanded = expand(read_template(), SETS["pinned id"])
    expanded["Resources"]["FailureBucket"]["Properties"]["Lifecycle"] = {}
    found = lint(json.dumps(expanded), config=ManualArgs(regions=[REGION]))
    assert [each.rule.id for each in found] == ["E3002"]
