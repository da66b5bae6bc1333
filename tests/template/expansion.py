"""The template as CloudFormation works with it: every value that is known before a deployment put in its place.

The loops and functions are resolved by SAM's port of CloudFormation's language extensions, SAM's resources are replaced
by SAM's own translator, and what a condition rules out is gone. What stays open is what only a deployment knows: the
names and attributes of resources.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import boto3
from samcli.lib.cfn_language_extensions.api import process_template  # type: ignore[import-untyped]
from samcli.lib.cfn_language_extensions.models import (  # type: ignore[import-untyped]
    PseudoParameterValues,
    ResolutionMode,
)
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import (
    BROKERS,
    CLUSTER,
    EVERYTHING,
    GLUE_REGISTRY,
    PINNED,
    REGISTRY,
    SECRET,
    STREAMS,
    TABLE_KEY,
    Parameters,
    Template,
    read_defaults,
    read_template,
    upload,
)

STACK = "s" * 51
"""The longest name that docs/deploying.md allows a stack."""
ACCOUNT = "123456789012"
PSEUDO = PseudoParameterValues(
    region=REGION,
    account_id=ACCOUNT,
    partition="aws",
    url_suffix="amazonaws.com",
    stack_name=STACK,
    stack_id=f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/00000000-0000-0000-0000-000000000000",
)
NETWORK = {"SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"}

SETS: Mapping[str, Parameters] = {
    "own tables": {"SchemaRegistry": REGISTRY},
    "dev": {"SchemaRegistry": REGISTRY, "Stage": "dev", "TableNamePrefix": "dev_"},
    "pinned id": PINNED,
    "one stream": {"SchemaRegistry": REGISTRY, "StreamArns": STREAMS[0]},
    "38 streams": PINNED
    | {"StreamArns": ",".join(STREAMS[0].replace("/one/", f"/team_table_{number:02}/") for number in range(38))},
    "own key on a table": PINNED | {"StreamArns": STREAMS[0], "TableKmsKeyArns": TABLE_KEY},
    "IAM in a VPC": PINNED | NETWORK | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
    "SCRAM with keys": {
        **{name: EVERYTHING[name] for name in ("SecretsKmsKeyArn", "KmsKeyArn", "SchemaRegistrySecretArn")},
        "SchemaRegistry": REGISTRY,
        "KafkaAuth": "scram",
        "KafkaSecretArn": SECRET,
    },
    "registry at run time": {"SchemaRegistry": REGISTRY, "RegisterSchema": "false", "SchemaVersion": "latest"},
    "Glue": {"SchemaRegistry": "glue"},
    "Glue at run time": {"SchemaRegistry": GLUE_REGISTRY, "RegisterSchema": "false", "AutoRegisterSchemas": "true"},
    "everything": EVERYTHING,
}


def expand(template: Template, parameters: Parameters) -> Template:
    """What CloudFormation makes of these parameters, and nothing besides: parameters and conditions are used up."""
    values = {**read_defaults(template), **BROKERS, **parameters}
    resolved = _resolve(template, values)
    for resource in resolved["Resources"].values():
        resource.pop("Metadata", None)  # it holds what linters are to overlook in the template as written
        upload(resource["Properties"])
    translated = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(resolved, values)
    translated = _resolve(translated, values)  # what came from Globals, of which the port resolves nothing
    return {
        "AWSTemplateFormatVersion": translated["AWSTemplateFormatVersion"],
        "Description": translated["Description"],
        "Resources": _to_made(translated["Resources"], translated["Conditions"]),
        "Outputs": _to_made(translated["Outputs"], translated["Conditions"]),
    }


@cache
def expand_set(name: str) -> Template:
    """The template under one of the sets; whoever changes it works on a copy."""
    return expand(read_template(), SETS[name])


def evaluate_everything(template: Template, parameters: Parameters) -> None:
    """Resolves also what a condition rules out, as CloudFormation's language extensions do.

    https://github.com/aws-cloudformation/cfn-language-discussion/issues/159

    Raises:
        InvalidTemplateException: a function cannot be evaluated.

    """
    unconditional = deepcopy(template)
    for resource in unconditional["Resources"].values():
        for each in resource[2].values() if isinstance(resource, list) else [resource]:
            each.pop("Condition", None)
    _resolve(unconditional, {**read_defaults(template), **BROKERS, **parameters})


def find_open(node: object, resources: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Functions that could be resolved before a deployment, by their places: all that wait for no resource."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from find_open(each, resources, f"{place}/{number}")
    if not isinstance(node, dict):
        return
    for name, argument in node.items():
        if name in {"Ref", "Condition"} or name.startswith("Fn::"):
            yield from _find_open_function(name, argument, resources, place)
        yield from find_open(argument, resources, f"{place}/{name}")


def _find_open_function(name: str, argument: Any, resources: Mapping[str, Any], place: str) -> Iterator[str]:  # noqa: ANN401
    if name == "Condition" and isinstance(argument, dict):
        return  # a policy's own
    if not set(_find_references({name: argument})) & set(resources):
        yield f"{place}: {name} {argument}"
    for reference in _find_references({name: argument}):
        if reference not in resources:
            yield f"{place}: {reference} is no resource"


def _find_references(node: object) -> Iterator[str]:
    """The resources that a function waits for."""
    if isinstance(node, list):
        for each in node:
            yield from _find_references(each)
    if not isinstance(node, dict):
        return
    for name, argument in node.items():
        if name == "Ref":
            yield argument
        elif name == "Fn::GetAtt":
            yield argument[0] if isinstance(argument, list) else argument.partition(".")[0]
        elif name == "Fn::Sub":
            yield from re.findall(r"\$\{([\w:]+)[.}]", argument if isinstance(argument, str) else argument[0])
        else:
            yield from _find_references(argument)


def _resolve(template: Template, values: Parameters) -> Template:
    kinds = {name: each["Type"] for name, each in template["Parameters"].items()}
    typed = {name: value.split(",") if kinds[name] == "CommaDelimitedList" else value for name, value in values.items()}
    resolved: Template = process_template(
        deepcopy(template),
        parameter_values=typed,
        pseudo_parameters=PSEUDO,
        resolution_mode=ResolutionMode.PARTIAL,
    )
    for section in ("Resources", "Outputs"):
        resolved[section] = _restore_sub(resolved[section], resolved["Resources"])
    return resolved


def _restore_sub(node: Any, resources: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The port resolves what it can of a Fn::Sub and then leaves out that it is one."""
    if isinstance(node, list):
        return [_restore_sub(each, resources) for each in node]
    if isinstance(node, dict):
        return {name: each if name == "Fn::Sub" else _restore_sub(each, resources) for name, each in node.items()}
    if isinstance(node, str) and set(re.findall(r"\$\{(\w+)[.}]", node)) & set(resources):
        return {"Fn::Sub": node}
    return node


def _to_made(section: Mapping[str, Any], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """What is made, without the condition that it was made under."""
    return {
        name: {key: value for key, value in each.items() if key != "Condition"}
        for name, each in section.items()
        if "Condition" not in each or _is_met(each["Condition"], conditions)
    }


def _is_met(name: str, conditions: Mapping[str, Any]) -> bool:
    return _evaluate(conditions[name], conditions)


def _evaluate(node: Any, conditions: Mapping[str, Any]) -> bool:  # noqa: ANN401
    ((function, argument),) = node.items()
    if function == "Condition":
        return _is_met(argument, conditions)
    if function == "Fn::Equals":
        one, other = argument
        return str(one) == str(other)
    values = [_evaluate(each, conditions) for each in argument]
    if function == "Fn::Not":
        return not values[0]
    return all(values) if function == "Fn::And" else any(values)
