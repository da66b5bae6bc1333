"""The template as data, and as CloudFormation sees it after its transforms."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import boto3
from samcli.lib.cfn_language_extensions.sam_integration import (  # type: ignore[import-untyped]
    expand_language_extensions,
)
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.environment import REGION
from local.paths import ROOT

type Template = dict[str, Any]
type Parameters = Mapping[str, str]

BROKERS = {"KafkaBrokerUrl": "b-1.example.com:9092"}
ACCOUNT = "us-east-1:123456789012"
STREAMS = [f"arn:aws:dynamodb:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000" for table in ("one", "two")]
SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:AmazonMSK_features-a1B2c3"
CA_SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:ca-a1B2c3"
REGISTRY_SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:registry-a1B2c3"
REGISTRY_CA_SECRET = f"arn:aws:secretsmanager:{ACCOUNT}:secret:registry-ca-a1B2c3"
SECRETS_KEY = f"arn:aws:kms:{ACCOUNT}:key/11111111-aaaa-bbbb-cccc-000000000001"
KEY = f"arn:aws:kms:{ACCOUNT}:key/11111111-aaaa-bbbb-cccc-000000000002"
TABLE_KEY = f"arn:aws:kms:{ACCOUNT}:key/11111111-aaaa-bbbb-cccc-000000000003"
CLUSTER = f"arn:aws:kafka:{ACCOUNT}:cluster/features/0f0f0f0f-1111-2222-3333-444444444444-1"
LAYOUTS = '[{"keys": {"pk": "{entity_id}", "sk": "{resource_name}"}, "entity_type": "user", "features": "features"}]'
REGISTRY = "https://registry.example.com"
GLUE_REGISTRY = f"arn:aws:glue:{ACCOUNT}:registry/events.v1"
PINNED = {"SchemaId": "7"}

EVERYTHING = {
    "StreamArns": ",".join(STREAMS),
    "TableLayouts": LAYOUTS,
    "TableKmsKeyArns": TABLE_KEY,
    "StartingPosition": "LATEST",
    "BatchSize": "500",
    "BatchingWindowSeconds": "1",
    "ParallelizationFactor": "2",
    "MaximumRetryAttempts": "10",
    "MaximumRecordAgeSeconds": "3600",
    "KafkaAuth": "scram",
    "KafkaSecretArn": SECRET,
    "KafkaClusterArn": CLUSTER,
    "KafkaCaSecretArn": CA_SECRET,
    "SecretsKmsKeyArn": SECRETS_KEY,
    "KafkaCompression": "lz4",
    "KafkaProperties": '{"client.id": "features"}',
    "DeliveryTimeoutMs": "30000",
    "SchemaRegistry": REGISTRY,
    "SchemaRegistrySecretArn": REGISTRY_SECRET,
    "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
    "SchemaFile": "feature_trigger_v2.avsc",
    "SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d",
    "SecurityGroupIds": "sg-0a1b2c3d",
    "FeaturesMode": "changed",
    "EventHeaders": "none",
    "DeadLetterLimit": "10",
    "MemorySize": "1024",
    "Timeout": "120",
    "ReservedConcurrency": "5",
    "Stage": "dev",
    "AlarmEmail": "team@example.com",
    "IteratorAgeAlarmMs": "600000",
    "LogLevel": "DEBUG",
    "LogRetentionDays": "7",
    "FailureExpiryDays": "30",
    "KmsKeyArn": KEY,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "Tracing": "Active",
}
"""Every option that can be used along with the others."""


def read_template() -> Template:
    """The template as written, with its functions in their long form."""
    return deepcopy(_parse())


@cache
def _parse() -> Template:
    template: Template = yaml_parse((ROOT / "template.yaml").read_text())
    return template


def read_defaults(template: Template) -> dict[str, str]:
    """Parameter -> its default, for those that have one."""
    return {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}


def transform(parameters: Parameters) -> Template:
    """The template that CloudFormation works with: loops and conditions resolved, SAM's resources replaced by AWS's."""
    values = {**read_defaults(read_template()), **BROKERS, **parameters}
    expanded: Template = expand_language_extensions(read_template(), values, enabled=True).expanded_template
    for resource in expanded["Resources"].values():
        upload(resource["Properties"])
    translated: Template = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(
        expanded, values
    )
    return translated


def upload(properties: dict[str, Any]) -> None:
    """Puts the place of an upload where a resource names a file or folder, as `sam deploy` does."""
    for place in {"CodeUri", "ContentUri", "DefinitionUri"} & properties.keys():
        properties[place] = {"Bucket": "code", "Key": "code"}


def to_members(value: object) -> list[Any]:
    """One or several, as policies have it."""
    return value if isinstance(value, list) else [value]
