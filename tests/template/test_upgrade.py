"""An upgrade from any stored release removes and replaces nothing that has data, positions or identity."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from feature_events import VERSION
from tests.template import release_fixture
from tests.template.document import Parameters, Template
from tests.template.expansion import ATTACHMENT_SETS, SETS
from tests.template.release_fixture import (
    NAMES,
    find_outdated,
    find_releases,
    read_expanded,
    read_release,
    to_numbers,
    write_release,
)
from tests.template.upgrade import find_create_only, find_refused

PARAMETERS: Mapping[str, Mapping[str, Parameters]] = {"template.yaml": SETS, "table.yaml": ATTACHMENT_SETS}
"""The sets of parameters of each template."""
FEW: Mapping[str, Mapping[str, Parameters]] = {
    "template.yaml": {name: SETS[name] for name in ("pinned id", "everything")},
    "table.yaml": ATTACHMENT_SETS,
}
"""Enough sets for edits: without own tables, and with every option."""
APPLICATION, ATTACHMENT = NAMES
NEWEST = find_releases()[-1]
LAYER = next(
    name for name in read_release(NEWEST, APPLICATION)["Resources"] if name.startswith("DependenciesLayerArm64")
)
"""The logical id of a layer, which ends in a hash of its properties."""

type Edit = Callable[[Template], object]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", find_releases())
def test_upgrade__keeps_what_a_release_deployed(version: str, name: str) -> None:
    """To refuse an upgrade from an old release on purpose, delete its folder and describe the migration."""
    assert find_refused(read_release(version, name), read_expanded(name), PARAMETERS[name]) == []


def test_releases__include_the_current_version() -> None:
    """If this fails, run `python -m tests.template.release_fixture`. 0.1.0 had no upgrade path."""
    assert to_numbers(NEWEST) >= to_numbers(VERSION)


def test_check__finds_files_that_differ_from_the_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release without files, with current files, and with one outdated file."""
    monkeypatch.setattr(release_fixture, "RELEASES", tmp_path)
    assert find_outdated("1.2.3") == ["template.json", "table.json"]
    folder = write_release("1.2.3")
    assert find_outdated("1.2.3") == []
    (folder / "table.json").write_text("{}")
    assert find_outdated("1.2.3") == ["table.json"]


@pytest.mark.parametrize("name", NAMES)
def test_fixture__is_what_was_expanded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has one line for each member of a section, and contains no path of this machine."""
    monkeypatch.setattr(release_fixture, "RELEASES", tmp_path)
    folder = write_release("1.2.3")
    assert find_releases() == ["1.2.3"]
    template = read_expanded(name)
    assert read_release("1.2.3", name) == template
    text = (folder / NAMES[name]).read_text()
    sections = [section for section in template.values() if isinstance(section, dict)]
    assert len(text.splitlines()) == 2 + len(template) + sum(len(section) + 1 for section in sections)
    assert str(Path.home()) not in text


def rename(name: str) -> Edit:
    """Give a resource another logical id."""

    def edit(template: Template) -> None:
        template["Resources"][f"{name}2"] = template["Resources"].pop(name)

    return edit


def put(value: object, *path: str) -> Edit:
    """Set the value at a path."""

    def edit(template: Template) -> None:
        *parents, last = path
        place: Any = template
        for each in parents:
            place = place[each]
        place[last] = value

    return edit


def take(*path: str) -> Edit:
    """Remove the value at a path."""

    def edit(template: Template) -> None:
        *parents, last = path
        place: Any = template
        for each in parents:
            place = place[each]
        del place[last]

    return edit


def put_property(resource: str, name: str, value: object) -> Edit:
    """Set a property of a resource."""
    return put(value, "Resources", resource, "Properties", name)


REFUSED: Mapping[str, tuple[str, Edit, str]] = {
    "a removed bucket": (APPLICATION, take("Resources", "FailureBucket"), "FailureBucket (AWS::S3::Bucket) is removed"),
    "a renamed bucket": (APPLICATION, rename("FailureBucket"), "FailureBucket (AWS::S3::Bucket) is removed"),
    "a renamed function": (
        APPLICATION,
        rename("FeatureEventsFunction"),
        "FeatureEventsFunction (AWS::Lambda::Function) is removed",
    ),
    "a renamed role": (APPLICATION, rename("FunctionRole"), "FunctionRole (AWS::IAM::Role) is removed"),
    "a renamed log group": (APPLICATION, rename("FunctionLogs"), "FunctionLogs (AWS::Logs::LogGroup) is removed"),
    "a removed topic": (APPLICATION, take("Resources", "AlarmTopic"), "AlarmTopic (AWS::SNS::Topic) is removed"),
    "a renamed state machine": (
        APPLICATION,
        rename("BackfillStateMachine"),
        "BackfillStateMachine (AWS::StepFunctions::StateMachine) is removed",
    ),
    "a removed own table": (
        APPLICATION,
        take("Resources", "UserFeatureStore"),
        "UserFeatureStore (AWS::DynamoDB::Table) is removed",
    ),
    "a renamed own mapping": (
        APPLICATION,
        rename("UserFeaturesMapping"),
        "UserFeaturesMapping (AWS::Lambda::EventSourceMapping) is removed",
    ),
    "a renamed mapping": (ATTACHMENT, rename("Mapping"), "Mapping (AWS::Lambda::EventSourceMapping) is removed"),
    "a bucket that only some deployments keep": (
        APPLICATION,
        put("OwnsTables", "Resources", "FailureBucket", "Condition"),
        "FailureBucket (AWS::S3::Bucket) is removed",
    ),
    "another condition": (
        APPLICATION,
        put({"Fn::Equals": [{"Ref": "OwnTables"}, "always"]}, "Conditions", "OwnsTables"),
        "UserFeatureStore (AWS::DynamoDB::Table) is removed",
    ),
    "another type": (
        APPLICATION,
        put("AWS::SQS::Queue", "Resources", "AlarmTopic", "Type"),
        "AlarmTopic (AWS::SNS::Topic) becomes AWS::SQS::Queue",
    ),
    "another starting position": (
        ATTACHMENT,
        put_property("Mapping", "StartingPosition", "LATEST"),
        "Mapping (AWS::Lambda::EventSourceMapping) is replaced, because StartingPosition changes",
    ),
    "another stream": (
        ATTACHMENT,
        put_property("Mapping", "EventSourceArn", {"Ref": "Application"}),
        "Mapping (AWS::Lambda::EventSourceMapping) is replaced, because EventSourceArn changes",
    ),
    "a bucket with a name": (
        APPLICATION,
        put_property("FailureBucket", "BucketName", {"Ref": "AWS::StackName"}),
        "FailureBucket (AWS::S3::Bucket) is replaced, because BucketName changes",
    ),
    "a function with another name": (
        APPLICATION,
        put_property("FeatureEventsFunction", "FunctionName", {"Fn::Sub": "${AWS::StackName}-publish"}),
        "FeatureEventsFunction (AWS::Lambda::Function) is replaced, because FunctionName changes",
    ),
    "a role with a path": (
        APPLICATION,
        put_property("FunctionRole", "Path", "/features/"),
        "FunctionRole (AWS::IAM::Role) is replaced, because Path changes",
    ),
    "a log group with another name": (
        APPLICATION,
        put_property("FunctionLogs", "LogGroupName", "/features"),
        "FunctionLogs (AWS::Logs::LogGroup) is replaced, because LogGroupName changes",
    ),
    "an express state machine": (
        APPLICATION,
        put_property("BackfillStateMachine", "StateMachineType", "EXPRESS"),
        "BackfillStateMachine (AWS::StepFunctions::StateMachine) is replaced, because StateMachineType changes",
    ),
    "other keys of a table": (
        APPLICATION,
        put_property("UserFeatureStore", "KeySchema", [{"AttributeName": "bright_uid", "KeyType": "HASH"}]),
        "UserFeatureStore (AWS::DynamoDB::Table) is replaced, because KeySchema changes",
    ),
    "another stream of a table": (
        APPLICATION,
        put_property("UserFeatureStore", "StreamSpecification", {"StreamViewType": "NEW_IMAGE"}),
        "UserFeatureStore (AWS::DynamoDB::Table) is replaced, because StreamSpecification changes",
    ),
    "a table that is not kept": (
        APPLICATION,
        put("Delete", "Resources", "UserFeatureStore", "DeletionPolicy"),
        "UserFeatureStore (AWS::DynamoDB::Table) has another DeletionPolicy",
    ),
    "a bucket that is not kept": (
        APPLICATION,
        take("Resources", "FailureBucket", "UpdateReplacePolicy"),
        "FailureBucket (AWS::S3::Bucket) has another UpdateReplacePolicy",
    ),
    "a removed parameter": (APPLICATION, take("Parameters", "LogLevel"), "parameter LogLevel is removed"),
    "a new parameter without default": (
        ATTACHMENT,
        put({"Type": "String"}, "Parameters", "Owner"),
        "parameter Owner is new and has no default",
    ),
    "a removed output": (APPLICATION, take("Outputs", "RedriveFunctionName"), "output RedriveFunctionName is removed"),
    "a removed export": (APPLICATION, take("Outputs", "FunctionArn"), "output FunctionArn is removed"),
    "an output that is no longer exported": (
        APPLICATION,
        take("Outputs", "FunctionArn", "Export"),
        "export FunctionArn changes",
    ),
    "a renamed export": (
        APPLICATION,
        put({"Name": {"Fn::Sub": "${AWS::StackName}-Arn"}}, "Outputs", "FunctionArn", "Export"),
        "export FunctionArn changes",
    ),
    "an export of another resource": (
        APPLICATION,
        put({"Fn::GetAtt": ["RedriveFunction", "Arn"]}, "Outputs", "FunctionArn", "Value"),
        "export FunctionArn changes",
    ),
}
"""A template, an edit of it, and why the upgrade is refused."""


def edit_release(name: str, edit: Edit) -> list[str]:
    """Return why an upgrade from the newest release to the same templates with this edit is refused."""
    release = read_release(NEWEST, name)
    edited = deepcopy(release)
    edit(edited)
    assert edited != release
    return find_refused(release, edited, FEW[name])


@pytest.mark.parametrize("case", REFUSED)
def test_gate__refuses(case: str) -> None:
    """The reason names the resource, parameter or output, and parameters of a deployment that it concerns."""
    name, edit, reason = REFUSED[case]
    found = [each.partition(" (parameters: ")[0] for each in edit_release(name, edit)]
    assert reason in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (APPLICATION, put_property("FeatureEventsFunction", "MemorySize", 1024)),
        (APPLICATION, put_property("FeatureEventsFunction", "Code", {"S3Bucket": "code", "S3Key": "new"})),
        (APPLICATION, put_property("FunctionRole", "Policies", [])),
        (APPLICATION, put({"Type": "AWS::SQS::Queue", "Properties": {}}, "Resources", "Queue")),
        (APPLICATION, put({"Type": "String", "Default": ""}, "Parameters", "Owner")),
        (APPLICATION, put({"Value": "1.2.3"}, "Outputs", "Version")),
        (APPLICATION, put("Another description.", "Outputs", "FunctionArn", "Description")),
        (APPLICATION, rename(LAYER)),
        (APPLICATION, rename("ErrorsAlarm")),
        (ATTACHMENT, put_property("Mapping", "BatchSize", 100)),
        (ATTACHMENT, put_property("NotReadAlarm", "AlarmName", "not read")),
    ],
    ids=[
        "a setting",
        "new code",
        "other rights",
        "a new resource",
        "a new parameter with a default",
        "a new output",
        "a description",
        "another layer",
        "another alarm",
        "a setting of a mapping",
        "another name of an alarm",
    ],
)
def test_gate__accepts(name: str, edit: Edit) -> None:
    """CloudFormation changes these in place, or nothing is lost with the old resource."""
    assert edit_release(name, edit) == []


def test_create_only_properties__are_those_of_aws() -> None:
    """AWS's data covers every type of the templates that must stay."""
    kinds = {each["Type"] for name in NAMES for each in read_release(NEWEST, name)["Resources"].values()}
    known = {kind: [".".join(path) for path in find_create_only(kind)] for kind in kinds}
    assert {"EventSourceArn", "StartingPosition"} <= set(known["AWS::Lambda::EventSourceMapping"])
    assert {"TableName", "KeySchema"} <= set(known["AWS::DynamoDB::Table"])
    assert known["AWS::IAM::Role"] == ["Path", "RoleName"]
