"""The two templates as written, and values for their parameters."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from local.environment import REGION
from local.paths import ROOT

type Template = dict[str, Any]
type Parameters = Mapping[str, str]

BROKERS = {"KafkaBrokerUrl": "b-1.example.com:9092"}
ACCOUNT = "123456789012"
PLACE = f"{REGION}:{ACCOUNT}"
TABLES = [f"arn:aws:dynamodb:{PLACE}:table/{table}" for table in ("one", "two")]
STREAMS = [f"{table}/stream/2026-01-01T00:00:00.000" for table in TABLES]
SECRET = f"arn:aws:secretsmanager:{PLACE}:secret:AmazonMSK_features-a1B2c3"
CA_SECRET = f"arn:aws:secretsmanager:{PLACE}:secret:ca-a1B2c3"
REGISTRY_SECRET = f"arn:aws:secretsmanager:{PLACE}:secret:registry-a1B2c3"
REGISTRY_CA_SECRET = f"arn:aws:secretsmanager:{PLACE}:secret:registry-ca-a1B2c3"
SECRETS_KEY = f"arn:aws:kms:{PLACE}:key/11111111-aaaa-bbbb-cccc-000000000001"
KEY = f"arn:aws:kms:{PLACE}:key/11111111-aaaa-bbbb-cccc-000000000002"
TABLE_KEY = f"arn:aws:kms:{PLACE}:key/11111111-aaaa-bbbb-cccc-000000000003"
CLUSTER = f"arn:aws:kafka:{PLACE}:cluster/features/0f0f0f0f-1111-2222-3333-444444444444-1"
ALARM_TOPIC = f"arn:aws:sns:{PLACE}:alarms"
LAYOUTS = '[{"keys": {"pk": "{entity_id}", "sk": "{resource_name}"}, "entity_type": "user", "features": "features"}]'
REGISTRY = "https://registry.example.com"
GLUE_REGISTRY = f"arn:aws:glue:{PLACE}:registry/events.v1"
PINNED = {"Schema": "id:7"}

EVERYTHING = {
    "OwnTables": "true",
    "TableNamePrefix": "dev_",
    "TableArns": ",".join(TABLES),
    "TableKmsKeyArns": TABLE_KEY,
    "TableLayouts": LAYOUTS,
    "FeaturesMode": "changed",
    "Removals": "events",
    "TopicName": "features.v1",
    "KafkaAuth": "scram",
    "KafkaSecretArn": SECRET,
    "KafkaClusterArn": CLUSTER,
    "KafkaCaSecretArn": CA_SECRET,
    "SecretsKmsKeyArn": SECRETS_KEY,
    "KafkaCompression": "lz4",
    "KafkaProperties": '{"client.id": "features"}',
    "SchemaRegistry": REGISTRY,
    "SchemaRegistrySecretArn": REGISTRY_SECRET,
    "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
    "SchemaFile": "feature_trigger_v2.avsc",
    "SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d",
    "SecurityGroupIds": "sg-0a1b2c3d",
    "Architecture": "x86_64",
    "MemorySize": "1024",
    "ReservedConcurrency": "5",
    "DeadLetterLimit": "10",
    "IteratorAgeAlarmMs": "600000",
    "LogLevel": "DEBUG",
    "LogRetentionDays": "7",
    "FailureExpiryDays": "30",
    "KmsKeyArn": KEY,
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
}
"""Values for all parameters of template.yaml that can be combined."""

ATTACHED = {"Application": "feature-events", "StreamArn": STREAMS[0]}
"""The required parameters of table.yaml."""
ATTACHED_EVERYTHING = ATTACHED | {
    "BatchSize": "500",
    "BatchingWindowSeconds": "1",
    "ParallelizationFactor": "2",
    "MaximumRecordAgeSeconds": "3600",
    "Enabled": "false",
    "AlarmTopicArn": ALARM_TOPIC,
    "RecordAgeAlarmMs": "600000",
    "OnlySkippedAlarmDays": "3",
}


def read_template(name: str = "template.yaml") -> Template:
    """Return a template as written, with its functions in the long form."""
    return deepcopy(_parse(name))


@cache
def _parse(name: str) -> Template:
    template: Template = yaml_parse((ROOT / name).read_text())
    return template


def read_defaults(template: Template) -> dict[str, str]:
    """Return the default of each parameter that has one."""
    return {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}


def to_list(value: Any) -> list[Any]:  # noqa: ANN401 -- a part of a template
    """Return a list as it is, and any other value as the only member of a list."""
    return value if isinstance(value, list) else [value]
