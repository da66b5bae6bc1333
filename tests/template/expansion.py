"""The templates as CloudFormation works with them: every value that is known before a deployment in its place.

SAM's translator replaces SAM's resources, functions are resolved, and resources whose condition is not met are gone.
What stays open is what only a deployment knows: the names and attributes of resources.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import (
    ALARM_TOPIC,
    ATTACHED,
    ATTACHED_EVERYTHING,
    BROKERS,
    CLUSTER,
    EVERYTHING,
    GLUE_REGISTRY,
    KEY,
    PINNED,
    REGISTRY,
    REGISTRY_CA_SECRET,
    REGISTRY_SECRET,
    SECRET,
    SECRETS_KEY,
    TABLE_KEY,
    TABLES,
    Parameters,
    Template,
    read_defaults,
    read_template,
)
from tests.template.functions import Resolver, is_function
from tests.template.rule_functions import to_known

STACK = "s" * 51
"""The longest name that docs/deploying.md allows a stack."""
ACCOUNT = "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
OWN_TABLES = {"OwnTables": "true"}
NETWORK = {name: EVERYTHING[name] for name in ("SubnetIds", "SecurityGroupIds")}
WILDCARD = TABLES[0].replace("/one", "/prod_*")
LONGEST = 2048
"""The most characters of TableArns and TableKmsKeyArns."""


def fill(arn: str) -> str:
    """As many ARNs as a list parameter can have."""
    return ",".join([arn] * ((LONGEST + 1) // (len(arn) + 1)))


SETS: Mapping[str, Parameters] = {
    "own tables": OWN_TABLES | {"SchemaRegistry": REGISTRY},
    "own tables with a prefix": OWN_TABLES | PINNED | {"TableNamePrefix": "dev_"},
    "own and attached tables": OWN_TABLES | PINNED | {"TableArns": ",".join(TABLES)},
    "attached tables": PINNED | {"TableArns": f"{TABLES[0]},{WILDCARD}", "TableKmsKeyArns": TABLE_KEY},
    "pinned id": PINNED,
    "IAM in a VPC": PINNED | NETWORK | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER, "AlarmTopicArn": ALARM_TOPIC},
    "SCRAM with keys": {
        "KafkaAuth": "scram",
        "KafkaSecretArn": SECRET,
        "SecretsKmsKeyArn": SECRETS_KEY,
        "KmsKeyArn": KEY,
        "SchemaRegistry": REGISTRY,
        "SchemaRegistrySecretArn": REGISTRY_SECRET,
    },
    "registry looked up": {
        "Schema": "look-up",
        "SchemaRegistry": REGISTRY,
        "SchemaRegistrySecretArn": REGISTRY_SECRET,
        "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
    },
    "latest version": {"SchemaRegistry": REGISTRY, "Schema": "version:latest"},
    "Glue": {"SchemaRegistry": "glue"},
    "Glue looked up": {"SchemaRegistry": "glue", "Schema": "look-up"},
    "named Glue registry": {"SchemaRegistry": GLUE_REGISTRY},
    "named Glue registry looked up": {"SchemaRegistry": GLUE_REGISTRY, "Schema": "version:3"},
    "everything": EVERYTHING,
    # The shortest ARNs give the longest policies, since each is repeated with more text
    "longest lists": EVERYTHING | {"TableArns": fill(TABLES[0]), "TableKmsKeyArns": fill(TABLE_KEY)},
}
"""Sets of parameters of template.yaml."""
ATTACHMENT_SETS: Mapping[str, Parameters] = {
    "attachment": ATTACHED,
    "attachment with everything": ATTACHED_EVERYTHING,
}
"""Sets of parameters of table.yaml."""
ALL_SETS = [*SETS, *ATTACHMENT_SETS]


def expand(template: Template, parameters: Parameters) -> Template:
    """What CloudFormation makes of these parameters; parameters and conditions are used up."""
    brokers = {name: value for name, value in BROKERS.items() if name in template["Parameters"]}
    values = {**read_defaults(template), **brokers, **parameters}
    translated = translate(template, values) if "Transform" in template else template
    resolver = Resolver(PSEUDO | to_known(template, values), translated.get("Conditions", {}))
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Description": template["Description"],
        "Resources": _expand_section(translated["Resources"], resolver),
        "Outputs": _expand_section(translated["Outputs"], resolver),
    }


def translate(template: Template, values: Parameters) -> Template:
    """What SAM's transform makes of a template, as CloudFormation runs it before anything else."""
    for resource in template["Resources"].values():
        upload(resource["Properties"])
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated: Template = translator.translate(template, dict(values))
    return translated


def upload(properties: dict[str, Any]) -> None:
    """Puts the place of an upload where a resource names a file or folder, as `sam deploy` does."""
    for place in {"CodeUri", "ContentUri", "DefinitionUri"} & properties.keys():
        properties[place] = {"Bucket": "code", "Key": "code"}


def _expand_section(section: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    return {
        name: resolver.resolve({key: value for key, value in each.items() if key not in {"Condition", "Metadata"}})
        for name, each in section.items()
        if "Condition" not in each or resolver.decide(each["Condition"])
    }


@cache
def expand_set(name: str) -> Template:
    """A template under one of the sets; a test that changes it works on a copy."""
    if name in SETS:
        return expand(read_template(), SETS[name])
    return expand(read_template("table.yaml"), ATTACHMENT_SETS[name])


def find_open(node: object, resources: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Functions that could be resolved before a deployment, and references to what is not made, by their places."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from find_open(each, resources, f"{place}/{number}")
    if not isinstance(node, dict):
        return
    for name, argument in node.items():
        if len(node) == 1 and is_function(name, argument) and name != "Fn::ImportValue":
            references = set(_find_references(node))
            if not references or references - set(resources):
                yield f"{place}: {name} {argument}"
        else:
            yield from find_open(argument, resources, f"{place}/{name}")


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
            yield argument[0]
        elif name == "Fn::Sub":
            yield from re.findall(r"\$\{([\w:]+)[.}]", argument)
        else:
            yield from _find_references(argument)
