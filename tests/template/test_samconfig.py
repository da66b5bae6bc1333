"""samconfig.toml has for each environment what its commands need, and parameters that the template takes."""

import re
import tomllib
from typing import Any

import boto3
import pytest
from botocore.exceptions import InvalidRegionError
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from local.paths import ROOT
from tests.template.document import ALARM_TOPIC, CLUSTER, EVERYTHING, REGISTRY, TABLES, read_defaults, read_template
from tests.template.expansion import SETS
from tests.template.rule_functions import find_refusals, to_list

TEXT = (ROOT / "samconfig.toml").read_text()
CONFIG = tomllib.loads(TEXT)
TEMPLATE = read_template()
COMMANDS = {"build", "deploy", "validate", "local_invoke", "remote_invoke"}
SYNCED: dict[str, set[str]] = {"default": set(), "dev": {"sync"}, "prod": set()}
"""`sam sync` changes code past CloudFormation, which prod is not for."""


def read_overrides(environment: str) -> dict[str, str]:
    """The parameters that `sam deploy` gives in this environment, as sam reads them."""
    given = CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]
    overrides: dict[str, str] = CfnParameterOverridesType().convert(given, None, None)
    return overrides


def find_misfits(parameters: dict[str, str]) -> list[str]:
    """Parameters that the template does not have, or whose values its limits refuse."""
    return [name for name, value in parameters.items() if not _fits(TEMPLATE["Parameters"].get(name), value)]


def _fits(parameter: dict[str, Any] | None, value: str) -> bool:
    if parameter is None:
        return False
    values = to_list(value) if parameter["Type"] == "CommaDelimitedList" else [value]
    return (
        all(re.fullmatch(parameter.get("AllowedPattern", ".*"), each, re.DOTALL) for each in values)
        and value in [str(each) for each in parameter.get("AllowedValues", [value])]
        and len(value) <= parameter.get("MaxLength", 4096)
        and ("MinValue" not in parameter or parameter["MinValue"] <= int(value) <= parameter["MaxValue"])
    )


@pytest.mark.parametrize("environment", SYNCED)
def test_environments__have_every_command(environment: str) -> None:
    """Each environment says how each command runs."""
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
"""What a team could write in place of what stands in samconfig.toml."""


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__are_taken_by_the_template(environment: str) -> None:
    """Every parameter exists, and with a team's own values it has one that it may have and goes with the others."""
    overrides = {name: VALUES.get(value, value) for name, value in read_overrides(environment).items()}
    assert find_misfits(overrides) == []
    assert find_refusals(TEMPLATE, read_defaults(TEMPLATE) | overrides) == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__that_are_left_in_by_mistake_are_refused(environment: str) -> None:
    """No value that is a team's own has an example which would deploy; the region's is no region."""
    overrides = read_overrides(environment)
    left = [name for name, value in overrides.items() if value.startswith("YOUR_")]
    assert find_misfits(overrides) == left
    assert set(overrides) - set(left) <= {"OwnTables", "LogLevel", "TableNamePrefix"}
    region = CONFIG[environment]["global"]["parameters"]["region"]
    with pytest.raises(InvalidRegionError):
        boto3.client("cloudformation", region_name=region)


def test_prod__names_who_is_told_of_alarms() -> None:
    """Alarms that reach nobody are not the default of who follows the guide."""
    assert "AlarmTopicArn" in read_overrides("prod")


def test_own_tables__are_made_where_they_collide_with_none() -> None:
    """Prod attaches existing tables; dev's own have a prefix, so that both fit into one account and region."""
    assert read_overrides("default")["OwnTables"] == "true"
    assert (read_overrides("dev")["OwnTables"], read_overrides("dev")["TableNamePrefix"]) == ("true", "dev_")
    assert "OwnTables" not in read_overrides("prod")


def test_prod__has_what_some_teams_need_ready_to_be_uncommented() -> None:
    """Each such line is a parameter of the template, and its value is refused until it is a team's own."""
    text = re.sub(r"^( *)# ('ParameterKey=[^\n]*YOUR_)", r"\1\2", TEXT, flags=re.MULTILINE)
    given = tomllib.loads(text)["prod"]["deploy"]["parameters"]["parameter_overrides"]
    ready = [each for each in given if each not in CONFIG["prod"]["deploy"]["parameters"]["parameter_overrides"]]
    overrides: dict[str, str] = CfnParameterOverridesType().convert(ready, None, None)
    assert set(overrides) == {"TableLayouts", "TableKmsKeyArns", "KafkaSecretArn", "SecretsKmsKeyArn"}
    assert set(overrides) <= set(TEMPLATE["Parameters"])
    assert find_misfits(overrides) == list(overrides)


def test_limits__take_defaults_and_every_option() -> None:
    """No default, and nothing in a set of parameters that the tests expand, is outside its parameter's limits."""
    for parameters in (read_defaults(TEMPLATE), *SETS.values()):
        assert find_misfits(dict(parameters)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TableArns", f"{TABLES[0]}/stream/2026-01-01T00:00:00.000"),
        ("TableArns", f"{TABLES[0]}, {TABLES[0]}"),
        ("TableArns", f"none,{TABLES[0]}"),
        ("TableArns", TABLES[0].replace("us-east-1", "*")),
        ("TableArns", "user_feature_store"),
        ("TableArns", "*"),
        ("TableArns", ",".join([TABLES[0]] * 42)),
        ("TableKmsKeyArns", "alias/tables"),
        ("TableLayouts", '{"keys": {}}'),
        ("TableLayouts", "default;app"),
        ("TableLayouts", ""),
        ("KafkaBrokerUrl", "b-1.example.com"),
        ("KafkaBrokerUrl", "b-1.example.com:9098, b-2.example.com:9098"),
        ("KafkaAuth", "sasl"),
        ("KafkaSecretArn", "AmazonMSK_features"),
        ("KafkaClusterArn", "arn:aws:kafka:us-east-1:123456789012:topic/features/1/events"),
        ("KafkaProperties", "client.id=features"),
        ("SchemaRegistry", "registry.example.com"),
        ("Schema", ""),
        ("Schema", "7"),
        ("Schema", "id:0"),
        ("Schema", "id:latest"),
        ("Schema", "version:0"),
        ("Schema", "id:11111111-aaaa-bbbb-cccc"),
        ("SubnetIds", "vpc-0a1b2c3d"),
        ("SecurityGroupIds", "subnet-0a1b2c3d"),
        ("OwnTables", "yes"),
        ("AlarmTopicArn", "pages"),
        ("PermissionsBoundaryArn", "boundary"),
        ("KmsKeyArn", "alias/features"),
    ],
)
def test_limits__refuse_what_cannot_be(name: str, value: str) -> None:
    """A value of the wrong kind is refused at the door, with the parameter's own words."""
    assert find_misfits({name: value}) == [name]
