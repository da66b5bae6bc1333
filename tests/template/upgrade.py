"""Find what an upgrade from one expanded template to another would remove, replace or refuse.

CloudFormation replaces a resource if its logical id or one of its create-only properties changes. The old resource goes
with its name, its data or its positions in streams. AWS's resource schemas, which cfn-lint contains, list the
create-only properties: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import Parameters, Template
from tests.template.expansion import expand

REPLACEABLE = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::IAM::ManagedPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Version",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
    }
)
"""Types of resources without data, position or identity. Everything else must stay."""
NEW_STREAM = {"AWS::DynamoDB::Table": ["/properties/StreamSpecification"]}
"""Properties that replace no resource but its stream, with all positions in it."""
POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")


def find_refused(before: Template, after: Template, sets: Mapping[str, Parameters]) -> list[str]:
    """Return what an upgrade must not contain, in one sentence each.

    Args:
        before: the expanded template of the deployed release.
        after: the expanded template of the new version.
        sets: parameters of deployments, by name. A deployment keeps its parameters, so new ones have their defaults.

    """
    found = dict.fromkeys(_compare_parameters(before["Parameters"], after["Parameters"]), "")
    for name, parameters in sets.items():
        kept = {each: value for each, value in parameters.items() if each in before["Parameters"]}
        known = {each: value for each, value in kept.items() if each in after["Parameters"]}
        old, new = expand(before, kept), expand(after, known)
        for refused in (*compare_resources(old, new), *_compare_outputs(old["Outputs"], new["Outputs"])):
            found.setdefault(refused, f" (parameters: {name})")
    return [refused + where for refused, where in found.items()]


def _compare_parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() - after.keys()):
        yield f"parameter {name} is removed"
    for name in sorted(after.keys() - before.keys()):
        if "Default" not in after[name]:
            yield f"parameter {name} is new and has no default"


def compare_resources(before: Template, after: Template) -> Iterator[str]:
    """Yield what happens to resources that must stay."""
    for name, old in before["Resources"].items():
        kind = old["Type"]
        if kind in REPLACEABLE:
            continue
        new = after["Resources"].get(name)
        if new is None:
            yield f"{name} ({kind}) is removed"
        elif new["Type"] != kind:
            yield f"{name} ({kind}) becomes {new['Type']}"
        else:
            yield from _compare_resource(f"{name} ({kind})", old, new)


def _compare_resource(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for path in find_create_only(old["Type"]):
        if _read(old["Properties"], path) != _read(new["Properties"], path):
            yield f"{name} is replaced, because {'.'.join(path)} changes"
    for policy in POLICIES:
        if old.get(policy) != new.get(policy):
            yield f"{name} has another {policy}"


def find_create_only(kind: str) -> list[list[str]]:
    """Return the paths of the properties whose change replaces a resource of this type, or can do so."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    names = ("createOnlyProperties", "conditionalCreateOnlyProperties")
    pointers = [*(each for name in names for each in schema.get(name, [])), *NEW_STREAM.get(kind, [])]
    return [pointer.removeprefix("/properties/").split("/") for pointer in pointers]


def _read(properties: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 -- a part of a template
    """Return the value at a path, and of each member of a list that the path goes through."""
    if not path:
        return properties
    if isinstance(properties, list):
        rest = path[1:] if path[0] == "*" else path
        return [_read(each, rest) for each in properties]
    return _read(properties.get(path[0]), path[1:]) if isinstance(properties, dict) else None


def _compare_outputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Compare outputs.

    CloudFormation does not change an export that another stack imports:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
    """
    for name, old in before.items():
        if name not in after:
            yield f"output {name} is removed"
        elif "Export" in old and (old["Export"], old["Value"]) != (after[name].get("Export"), after[name]["Value"]):
            yield f"export {name} changes"
