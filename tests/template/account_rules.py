"""Finds in an expanded template what a real account would refuse by rules that AWS states in prose alone.

The rules and their sources are in account_rule_table.py; those on policies are in policy_rules.py.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.template.document import Template, to_members
from tests.template.expansion import STACK

type Properties = Mapping[str, Any]

ARN = f"arn:aws:service:us-east-1:123456789012:resource/{STACK}-{'x' * 40}"
"""As long as any that a deployment puts in the place of a function that waits for a resource."""
TABLE = "x" * 64 + "account_feature_store"
"""The longest name of a table of the stack's own, of which names of alarms are made."""


def read_resources(template: Template, *kinds: str) -> Iterator[tuple[str, Properties]]:
    """Name and properties of the resources of these types."""
    for name, each in template["Resources"].items():
        if each["Type"] in kinds:
            yield name, each.get("Properties", {})


def to_deployed(node: Any, text: str = ARN) -> Any:  # noqa: ANN401 -- a part of a template
    """The same with a text in the place of every function that waits for a resource."""
    if isinstance(node, list):
        return [to_deployed(each, text) for each in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Fn::Sub"} and isinstance(node["Fn::Sub"], str):
        return re.sub(r"\$\{[^}]*\}", text, node["Fn::Sub"])
    if len(node) == 1 and next(iter(node)) in {
        "Ref",
        "Fn::GetAtt",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::ImportValue",
    }:
        return text
    return {name: to_deployed(each, text) for name, each in node.items()}


def measure(node: Any) -> int:  # noqa: ANN401 -- a part of a template
    """Its size in bytes when it is deployed, without white space."""
    return len(json.dumps(to_deployed(node), separators=(",", ":")).encode())


def find_idle_lifecycle_rules(template: Template) -> Iterator[str]:
    """CloudFormation counts these as actions, and the removal of markers not."""
    actions = {
        "AbortIncompleteMultipartUpload",
        "ExpirationDate",
        "ExpirationInDays",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionExpirationInDays",
        "NoncurrentVersionTransition",
        "NoncurrentVersionTransitions",
        "Transition",
        "Transitions",
    }
    for name, properties in read_resources(template, "AWS::S3::Bucket"):
        rules = properties.get("LifecycleConfiguration", {}).get("Rules", [])
        yield from (f"{name}: {rule['Id']}" for rule in rules if not actions & rule.keys())


def find_contradicting_lifecycle_rules(template: Template) -> Iterator[str]:
    """Markers and days."""
    for name, properties in read_resources(template, "AWS::S3::Bucket"):
        for rule in properties.get("LifecycleConfiguration", {}).get("Rules", []):
            if "ExpiredObjectDeleteMarker" in rule and {"ExpirationInDays", "ExpirationDate"} & rule.keys():
                yield f"{name}: {rule['Id']}"


NAMES = {
    ("AWS::CloudWatch::Alarm", "AlarmName"): r"[^:]{1,255}",
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): r"(?s:.{0,1024})",
    ("AWS::CloudWatch::Dashboard", "DashboardName"): r"[A-Za-z0-9_-]{1,255}",
    ("AWS::DynamoDB::Table", "TableName"): r"[A-Za-z0-9_.-]{3,255}",
    ("AWS::IAM::Role", "Description"): r"(?s:.{0,1000})",
    ("AWS::Lambda::Function", "FunctionName"): r"[A-Za-z0-9_-]{1,64}",
    ("AWS::Lambda::Function", "Description"): r"(?s:.{0,256})",
    ("AWS::Lambda::LayerVersion", "LayerName"): r"[A-Za-z0-9_-]{1,140}",
    ("AWS::Lambda::LayerVersion", "Description"): r"(?s:.{0,256})",
    ("AWS::Logs::LogGroup", "LogGroupName"): r"[A-Za-z0-9_./#-]{1,512}",
}
"""Type and property -> what its value may be."""


def find_odd_names(template: Template) -> Iterator[str]:
    """Names that we give, and descriptions."""
    for (kind, name), form in NAMES.items():
        for resource, properties in read_resources(template, kind):
            if name in properties and not re.fullmatch(form, str(to_deployed(properties[name], TABLE))):
                yield f"{resource}: {name}"


def find_same_names(template: Template) -> Iterator[str]:
    """Two resources of one type and name."""
    for kind, name in NAMES:
        if name.endswith("Name"):
            values = Counter(str(each.get(name)) for _, each in read_resources(template, kind) if name in each)
            yield from (f"{kind}: {value}" for value, number in values.items() if number > 1)


def find_odd_tags(template: Template) -> Iterator[str]:
    """Keys and values of tags."""
    for name, each in template["Resources"].items():
        tags = each.get("Properties", {}).get("Tags", [])
        for tag in tags if isinstance(tags, list) else []:
            value = tag["Value"] if isinstance(tag["Value"], str) else ""
            if not re.fullmatch(r"[\w .:/=+@-]{1,128}", tag["Key"]) or not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
                yield f"{name}: {tag['Key']}"


def find_large_environments(template: Template) -> Iterator[str]:
    """All variables of a function together."""
    for name, properties in read_resources(template, "AWS::Lambda::Function"):
        if (size := measure(properties["Environment"]["Variables"])) > 4096:
            yield f"{name}: {size}"


def find_many_layers(template: Template) -> Iterator[str]:
    """Layers of one function."""
    for name, properties in read_resources(template, "AWS::Lambda::Function"):
        if len(properties.get("Layers", [])) > 5:
            yield name


def find_same_mappings(template: Template) -> Iterator[str]:
    """Mappings of one stream to one function."""
    pairs = Counter(
        (str(each["EventSourceArn"]), str(each["FunctionName"]))
        for _, each in read_resources(template, "AWS::Lambda::EventSourceMapping")
    )
    yield from (stream for (stream, _), number in pairs.items() if number > 1)


def find_odd_ages(template: Template) -> Iterator[str]:
    """How old a record may grow; a DynamoDB stream keeps it for a day."""
    for name, properties in read_resources(template, "AWS::Lambda::EventSourceMapping"):
        age = int(properties["MaximumRecordAgeInSeconds"])
        if age != -1 and not 60 <= age <= 86_400:
            yield f"{name}: {age}"


def _read_queries(template: Template) -> Iterator[tuple[str, list[Any]]]:
    for name, properties in read_resources(template, "AWS::CloudWatch::Alarm"):
        if "Metrics" in properties:
            yield name, properties["Metrics"]


def find_crowded_alarms(template: Template) -> Iterator[str]:
    """Metrics of an alarm on metric math."""
    for name, queries in _read_queries(template):
        if sum("MetricStat" in each for each in queries) > 10:
            yield name


def find_undecided_alarms(template: Template) -> Iterator[str]:
    """The query that an alarm looks at."""
    for name, queries in _read_queries(template):
        if sum(each.get("ReturnData", True) is not False for each in queries) != 1:
            yield name


def find_odd_query_ids(template: Template) -> Iterator[str]:
    """Ids of queries."""
    for name, queries in _read_queries(template):
        ids = Counter(each["Id"] for each in queries)
        yield from (f"{name}: {each}" for each in ids if not re.fullmatch(r"[a-z]\w{0,254}", each) or ids[each] > 1)


def find_searching_alarms(template: Template) -> Iterator[str]:
    """Functions that an alarm cannot use."""
    for name, queries in _read_queries(template):
        if any(re.search(r"\bSEARCH\b", each.get("Expression", "")) for each in queries):
            yield name


def _read_periods(template: Template) -> Iterator[tuple[str, int, int]]:
    """Each alarm with its periods, and how many of them it looks at."""
    for name, properties in read_resources(template, "AWS::CloudWatch::Alarm"):
        queries = [each["MetricStat"] for each in properties.get("Metrics", []) if "MetricStat" in each]
        for period in {int(each["Period"]) for each in [properties, *queries] if "Period" in each}:
            yield name, period, int(properties["EvaluationPeriods"])


def find_odd_periods(template: Template) -> Iterator[str]:
    """Periods."""
    for name, period, _ in _read_periods(template):
        if period not in {10, 20, 30} and (period <= 0 or period % 60):
            yield f"{name}: {period}"


def find_long_evaluations(template: Template) -> Iterator[str]:
    """How far back an alarm looks."""
    for name, period, number in _read_periods(template):
        if period * number > (604_800 if period >= 3_600 else 86_400):
            yield f"{name}: {period} * {number}"


def find_impossible_alarms(template: Template) -> Iterator[str]:
    """How many of the points have to be bad."""
    for name, properties in read_resources(template, "AWS::CloudWatch::Alarm"):
        if int(properties.get("DatapointsToAlarm", 1)) > int(properties["EvaluationPeriods"]):
            yield name


def find_odd_policies(template: Template) -> Iterator[str]:
    """What becomes of a resource that goes, and of one that is replaced."""
    kept = {"Delete", "Retain", "Snapshot"}
    allowed = {"DeletionPolicy": kept | {"RetainExceptOnCreate"}, "UpdateReplacePolicy": kept}
    for name, each in template["Resources"].items():
        yield from (f"{name}: {key}" for key, values in allowed.items() if each.get(key, "Delete") not in values)


def find_odd_dependencies(template: Template) -> Iterator[str]:
    """Names of resources that are made, as text."""
    for name, each in template["Resources"].items():
        for other in to_members(each.get("DependsOn", [])):
            if not isinstance(other, str) or other not in template["Resources"]:
                yield f"{name}: {other}"


def find_excess(template: Template) -> Iterator[str]:
    """How many resources and outputs."""
    for section, limit in {"Resources": 500, "Outputs": 200}.items():
        if len(template[section]) > limit:
            yield section


def find_size(template: Template) -> Iterator[str]:
    """The size of the whole."""
    if (size := measure(template)) > 1_000_000:
        yield str(size)


def find_odd_ids(template: Template) -> Iterator[str]:
    """Logical ids."""
    names = [*template["Resources"], *template.get("Outputs", {})]
    yield from (name for name in names if not re.fullmatch(r"[A-Za-z0-9]{1,255}", name))


def find_impatient_custom_resources(template: Template) -> Iterator[str]:
    """How long CloudFormation waits for a custom resource; its function must not take longer."""
    functions = dict(read_resources(template, "AWS::Lambda::Function"))
    for name, each in template["Resources"].items():
        if each["Type"].startswith("Custom::"):
            waits = int(each["Properties"].get("ServiceTimeout", 3600))
            function = functions[each["Properties"]["ServiceToken"]["Fn::GetAtt"][0]]
            if not int(function["Timeout"]) < waits <= 3600:
                yield f"{name}: {waits}"


def find_stray_keys(template: Template) -> Iterator[str]:
    """A table declares the attributes of its keys, and no other."""
    for name, properties in read_resources(template, "AWS::DynamoDB::Table"):
        declared, used = (
            {each["AttributeName"] for each in properties[part]} for part in ("AttributeDefinitions", "KeySchema")
        )
        if declared != used:
            yield name
