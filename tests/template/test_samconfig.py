"""Each environment of samconfig.toml configures every command and sets valid parameters."""

import re
import tomllib

import boto3
import pytest
from botocore.exceptions import InvalidRegionError
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from local.paths import ROOT
from tests.template.document import ALARM_TOPIC, CLUSTER, EVERYTHING, REGISTRY, TABLES, read_defaults, read_template
from tests.template.functions import find_failed_assertions, find_invalid

TEXT = (ROOT / "samconfig.toml").read_text()
CONFIG = tomllib.loads(TEXT)
TEMPLATE = read_template()
COMMANDS = {"build", "deploy", "validate", "local_invoke", "remote_invoke"}
SYNCED: dict[str, set[str]] = {"default": set(), "dev": {"sync"}, "prod": set()}
"""Environments and their additional commands. `sam sync` changes code without CloudFormation, so prod lacks it."""


def read_overrides(environment: str) -> dict[str, str]:
    """Return the parameters of `sam deploy` in this environment, as sam reads them."""
    parameters = CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]
    overrides: dict[str, str] = CfnParameterOverridesType().convert(parameters, None, None)
    return overrides


@pytest.mark.parametrize("environment", SYNCED)
def test_environments__configure_every_command(environment: str) -> None:
    """A command without settings would use defaults of the SAM CLI."""
    assert CONFIG[environment].keys() - {"global"} == COMMANDS | SYNCED[environment]


VALUES = {
    "YOUR_TABLE_ARN": TABLES[0],
    "YOUR_BROKERS": "b-1.example.com:9098,b-2.example.com:9098",
    "YOUR_KAFKA_AUTH": "iam",
    "YOUR_CLUSTER_ARN": CLUSTER,
    "YOUR_REGISTRY_URL": REGISTRY,
    "YOUR_SUBNET_IDS": EVERYTHING["SubnetIds"],
    "YOUR_SECURITY_GROUP_IDS": EVERYTHING["SecurityGroupIds"],
    "YOUR_ALARM_TOPIC_ARN": ALARM_TOPIC,
}
"""Placeholders in samconfig.toml, and values that a team could use instead."""


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__are_valid(environment: str) -> None:
    """With a team's values, every parameter exists, is within its limits, and passes the template's Rules."""
    overrides = {name: VALUES.get(value, value) for name, value in read_overrides(environment).items()}
    assert find_invalid(TEMPLATE, overrides) == []
    assert find_failed_assertions(TEMPLATE, read_defaults(TEMPLATE) | overrides) == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_placeholders__cannot_be_deployed(environment: str) -> None:
    """CloudFormation rejects each remaining placeholder, and boto3 rejects that of the region."""
    overrides = read_overrides(environment)
    placeholders = [name for name, value in overrides.items() if value.startswith("YOUR_")]
    assert find_invalid(TEMPLATE, overrides) == placeholders
    assert set(overrides) - set(placeholders) <= {"OwnTables", "LogLevel", "TableNamePrefix"}
    region = CONFIG[environment]["global"]["parameters"]["region"]
    with pytest.raises(InvalidRegionError):
        boto3.client("cloudformation", region_name=region)


def test_prod__has_a_topic_for_alarms() -> None:
    """A team that follows the guide gets notifications."""
    assert "AlarmTopicArn" in read_overrides("prod")


def test_own_tables__do_not_collide() -> None:
    """Prod attaches existing tables. The own tables of dev have a prefix, so both fit into one account and region."""
    assert read_overrides("default")["OwnTables"] == "true"
    assert (read_overrides("dev")["OwnTables"], read_overrides("dev")["TableNamePrefix"]) == ("true", "dev_")
    assert "OwnTables" not in read_overrides("prod")


def test_prod__has_comments_for_optional_parameters() -> None:
    """Each comment sets a parameter of the template, with a placeholder that cannot be deployed."""
    text = re.sub(r"^( *)# ('ParameterKey=[^\n]*YOUR_)", r"\1\2", TEXT, flags=re.MULTILINE)
    given = tomllib.loads(text)["prod"]["deploy"]["parameters"]["parameter_overrides"]
    optional = [each for each in given if each not in CONFIG["prod"]["deploy"]["parameters"]["parameter_overrides"]]
    overrides: dict[str, str] = CfnParameterOverridesType().convert(optional, None, None)
    assert set(overrides) == {"TableLayouts", "TableKmsKeyArns", "KafkaSecretArn", "SecretsKmsKeyArn"}
    assert set(overrides) <= set(TEMPLATE["Parameters"])
    assert find_invalid(TEMPLATE, overrides) == list(overrides)
