"""What CloudFormation makes of the templates is complete, whatever the parameters, and its linter finds nothing."""

import json
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import read_defaults, read_template
from tests.template.expansion import (
    ALL_SETS,
    ATTACHMENT_SETS,
    LONGEST,
    SETS,
    expand,
    expand_set,
    find_open,
)
from tests.template.functions import Resolver


def test_sets__try_every_parameter() -> None:
    """Each parameter that has a default has another value in some set."""
    for name, sets in (("template.yaml", SETS), ("table.yaml", ATTACHMENT_SETS)):
        defaults = read_defaults(read_template(name)).items()
        assert [
            each for each, value in defaults if all(given.get(each, value) == value for given in sets.values())
        ] == []


def test_sets__have_the_longest_lists() -> None:
    """The lists of ARNs are as long as their parameters allow, so that the policies are as long as they can be."""
    for name in ("TableArns", "TableKmsKeyArns"):
        assert read_template()["Parameters"][name]["MaxLength"] == LONGEST
        arn, _, _ = (given := SETS["longest lists"][name]).partition(",")
        assert len(given) <= LONGEST < len(f"{given},{arn}")


@pytest.mark.parametrize("name", ALL_SETS)
def test_expansion__leaves_nothing_open_that_is_known(name: str) -> None:
    """Only functions that wait for a resource or another stack are left, and each names resources that are made."""
    expanded = expand_set(name)
    for section in ("Resources", "Outputs"):
        assert list(find_open(expanded[section], expanded["Resources"])) == []


def test_expansion__finds_what_is_left_open() -> None:
    """A parameter that was not replaced, and a resource that a condition rules out, are named by their places."""
    broken = {
        "Topic": {"Ref": "TopicName"},
        "Table": {"Fn::GetAtt": ["SchemaRegistration", "SchemaId"]},
        "Text": {"Fn::Sub": "${AWS::Region}"},
        "Fine": {"Fn::Sub": "${FailureBucket.Arn}/*"},
    }
    found = list(find_open(broken, expand_set("pinned id")["Resources"]))
    assert [each.split(":")[0] for each in found] == ["/Topic", "/Table", "/Text"]


def test_functions__are_resolved_as_far_as_they_are_known() -> None:
    """What waits for a resource stays a function; AWS::NoValue removes what it is the value of."""
    resolver = Resolver({"Name": "one", "AWS::Region": "here"}, {"Is": {"Fn::Equals": [{"Ref": "Name"}, "one"]}})
    no_value = {"Ref": "AWS::NoValue"}
    part = {
        "Sub": {"Fn::Sub": "${Name} ${Bucket.Arn} ${!kept}"},
        "If": {"Fn::If": ["Is", {"Ref": "Name"}, {"Fn::Unknown": []}]},
        "List": [no_value, {"Fn::Select": ["1", {"Fn::Split": [",", {"Fn::Join": [",", ["a", {"Ref": "Name"}]]}]}]}],
        "Gone": no_value,
        "Condition": {"StringEquals": {"a": "b"}},
        "Not": {"Fn::Not": [{"Condition": "Is"}]},
        "Variables": {"Fn::Sub": ["${Name}${More}", {"More": {"Ref": "AWS::Region"}}]},
    }
    assert resolver.resolve(part) == {
        "Sub": {"Fn::Sub": "one ${Bucket.Arn} ${!kept}"},
        "If": "one",
        "List": ["one"],
        "Condition": {"StringEquals": {"a": "b"}},
        "Not": False,
        "Variables": "onehere",
    }
    with pytest.raises(IndexError):
        resolver.resolve({"Fn::Select": [1, {"Fn::Split": [",", {"Ref": "Name"}]}]})
    with pytest.raises(ValueError, match="Fn::Length is not supported"):
        resolver.resolve({"Fn::Length": [[], []]})


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The linter reads .cfnlintrc.yaml of where it runs, which says what to overlook in the templates as written."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ALL_SETS)
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
