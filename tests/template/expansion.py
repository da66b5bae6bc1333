"""Expand the templates as CloudFormation does, with all values that are known before a deployment.

SAM's translator replaces SAM's resources, functions are resolved, and resources with a false condition are removed.
References to resources remain.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.environment import REGION
from tests.template.document import (
    ACCOUNT,
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
from tests.template.functions import Resolver, to_known

STACK = "s" * 51
"""The longest stack name that docs/deploying.md allows."""
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


def fill(parameter: str, arn: str) -> str:
    """Return as many ARNs as the list parameter can contain."""
    length = read_template()["Parameters"][parameter]["MaxLength"]
    return ",".join([arn] * ((length + 1) // (len(arn) + 1)))


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
    "registry with a key": {
        "SchemaRegistry": REGISTRY,
        "SchemaRegistrySecretArn": REGISTRY_SECRET,
        "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
        "SecretsKmsKeyArn": SECRETS_KEY,
    },
    "latest version": {"SchemaRegistry": REGISTRY, "Schema": "version:latest"},
    "Glue": {"SchemaRegistry": "glue"},
    "Glue looked up": {"SchemaRegistry": "glue", "Schema": "look-up"},
    "named Glue registry": {"SchemaRegistry": GLUE_REGISTRY},
    "named Glue registry looked up": {"SchemaRegistry": GLUE_REGISTRY, "Schema": "version:3"},
    "everything": EVERYTHING,
    # Short ARNs make the longest policies, since each policy adds text to every ARN
    "longest lists": EVERYTHING
    | {"TableArns": fill("TableArns", TABLES[0]), "TableKmsKeyArns": fill("TableKmsKeyArns", TABLE_KEY)},
}
"""Sets of parameters for template.yaml."""
ATTACHMENT_SETS: Mapping[str, Parameters] = {
    "attachment": ATTACHED,
    "attachment with everything": ATTACHED_EVERYTHING,
}
"""Sets of parameters for table.yaml."""
ALL_SETS = [*SETS, *ATTACHMENT_SETS]


def expand(template: Template, parameters: Parameters) -> Template:
    """Return the template that CloudFormation deploys with these parameters, without parameters and conditions."""
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
    """Apply SAM's transform."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        for name in {"CodeUri", "ContentUri", "DefinitionUri"} & properties.keys():
            properties[name] = {"Bucket": "code", "Key": "code"}  # `sam deploy` uploads the files
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated: Template = translator.translate(template, dict(values))
    return translated


def _expand_section(section: Mapping[str, Any], resolver: Resolver) -> dict[str, Any]:
    return {
        name: resolver.resolve({key: value for key, value in each.items() if key not in {"Condition", "Metadata"}})
        for name, each in section.items()
        if "Condition" not in each or resolver.decide(each["Condition"])
    }


@cache
def expand_set(name: str) -> Template:
    """Return a template's expansion with one of the sets. Do not change it, since it is cached."""
    if name in SETS:
        return expand(read_template(), SETS[name])
    return expand(read_template("table.yaml"), ATTACHMENT_SETS[name])


def read_resources(name: str, kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by their logical ids."""
    resources = expand_set(name)["Resources"]
    return {logical_id: each["Properties"] for logical_id, each in resources.items() if each["Type"] == kind}
