"""samconfig.toml has for each environment what its commands need, and parameters that the template takes."""

import re
import tomllib
from typing import Any

import boto3
import pytest
from botocore.exceptions import InvalidRegionError
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from local.paths import ROOT
from tests.template.document import CLUSTER, EVERYTHING, REGISTRY, STREAMS, read_defaults, read_template
from tests.template.rule_functions import find_refusals, to_list

TEXT = (ROOT / "samconfig.toml").read_text()
CONFIG = tomllib.loads(TEXT)
TEMPLATE = read_template()
COMMANDS = {"build", "deploy", "validate", "local_invoke", "remote_invoke"}
SYNCED: dict[str, set[str]] = {"default": {"sync"}, "dev": {"sync"}, "prod": set()}
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
        and ("MinValue" not in parameter or parameter["MinValue"] <= int(value) <= parameter["MaxValue"])
    )


@pytest.mark.parametrize("environment", SYNCED)
def test_environments__have_every_command(environment: str) -> None:
    """Each environment says how each command runs, and that sam has to unroll the loop over the streams."""
    assert CONFIG[environment].keys() - {"global"} == COMMANDS | SYNCED[environment]
    assert CONFIG[environment]["global"]["parameters"]["language_extensions"] is True


VALUES = {
    "YOUR_STREAM_ARN": STREAMS[0],
    "YOUR_BROKERS": "b-1.example.com:9098,b-2.example.com:9098",
    "YOUR_KAFKA_AUTH": "iam",
    "YOUR_CLUSTER_ARN": CLUSTER,
    "YOUR_REGISTRY_URL": REGISTRY,
    "YOUR_SUBNET_IDS": EVERYTHING["SubnetIds"],
    "YOUR_SECURITY_GROUP_IDS": EVERYTHING["SecurityGroupIds"],
    "YOUR_ALARM_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:pages",
}
"""What a team could write in place of what stands in samconfig.toml."""


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__are_taken_by_the_template(environment: str) -> None:
    """Every parameter exists, and with a team's own values it has one that it may have and goes with the others."""
    overrides = {name: VALUES.get(value, value) for name, value in read_overrides(environment).items()}
    assert overrides["Stage"] == environment
    assert find_misfits(overrides) == []
    assert find_refusals(TEMPLATE, read_defaults(TEMPLATE) | overrides) == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__that_are_left_in_by_mistake_are_refused(environment: str) -> None:
    """No value that is a team's own has an example which would deploy; the region's is no region."""
    overrides = read_overrides(environment)
    left = [name for name, value in overrides.items() if value.startswith("YOUR_")]
    assert find_misfits(overrides) == left
    assert set(overrides) - set(left) <= {"Stage", "LogLevel", "TableNamePrefix"}
    region = CONFIG[environment]["global"]["parameters"]["region"]
    with pytest.raises(InvalidRegionError):
        boto3.client("cloudformation", region_name=region)


def test_prod__names_who_is_told_of_alarms() -> None:
    """Alarms that reach nobody are not the default of who follows the guide."""
    assert "AlarmTopicArn" in read_overrides("prod")


def test_dev__makes_tables_of_its_own() -> None:
    """In the account and region of prod it does not collide with prod's own tables."""
    assert read_overrides("dev")["TableNamePrefix"] == "dev_"


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_architecture__is_ready_to_be_uncommented(environment: str) -> None:
    """With the comment signs taken away build and deploy are told x86_64 alike, and nothing else has changed."""
    text = re.sub(r"^( *)# ([^\n]*Architecture[^\n]*x86_64)", r"\1\2", TEXT, flags=re.MULTILINE)
    uncommented = tomllib.loads(text)[environment]
    before = CONFIG[environment]
    assert uncommented["build"]["parameters"].pop("parameter_overrides") == "Architecture=x86_64"
    assert uncommented["build"] == before["build"]
    given, former = (each["deploy"]["parameters"]["parameter_overrides"] for each in (uncommented, before))
    assert [each for each in given if each not in former] == ["ParameterKey=Architecture,ParameterValue=x86_64"]


def test_prod__has_what_some_teams_need_ready_to_be_uncommented() -> None:
    """Each such line is a parameter of the template, and its value is refused until it is a team's own."""
    text = re.sub(r"^( *)# ('ParameterKey=[^\n]*YOUR_)", r"\1\2", TEXT, flags=re.MULTILINE)
    given = tomllib.loads(text)["prod"]["deploy"]["parameters"]["parameter_overrides"]
    ready = [each for each in given if each not in CONFIG["prod"]["deploy"]["parameters"]["parameter_overrides"]]
    overrides: dict[str, str] = CfnParameterOverridesType().convert(ready, None, None)
    assert set(overrides) == {"TableLayouts", "TableKmsKeyArns", "KafkaSecretArn", "SecretsKmsKeyArn", "AlarmEmail"}
    assert set(overrides) <= set(TEMPLATE["Parameters"])
    assert find_misfits(overrides) == list(overrides)


def test_limits__take_defaults_and_every_option() -> None:
    """No default and nothing that the tests deploy is outside its parameter's limits."""
    assert find_misfits(read_defaults(TEMPLATE)) == []
    assert find_misfits(dict(EVERYTHING)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StreamArns", "arn:aws:dynamodb:us-east-1:123456789012:table/user_feature_store"),
        ("StreamArns", "user_feature_store"),
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
        ("SchemaVersion", "0"),
        ("SubnetIds", "vpc-0a1b2c3d"),
        ("SecurityGroupIds", "subnet-0a1b2c3d"),
        ("MaximumRecordAgeSeconds", "86401"),
        ("DeliveryTimeoutMs", "0"),
        ("AlarmTopicArn", "pages"),
        ("AlarmEmail", "team"),
        ("PermissionsBoundaryArn", "boundary"),
        ("KmsKeyArn", "alias/features"),
    ],
)
def test_limits__refuse_what_cannot_be(name: str, value: str) -> None:
    """A value of the wrong kind is refused at the door, with the parameter's own words."""
    assert find_misfits({name: value}) == [name]
