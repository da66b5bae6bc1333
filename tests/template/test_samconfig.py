"""samconfig.toml has for each environment what its commands need, and parameters that the template takes."""

import re
import tomllib
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from local.paths import ROOT
from tests.template.document import EVERYTHING, read_defaults, read_template
from tests.template.rule_functions import find_refusals, to_list

CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())
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


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_overrides__are_taken_by_the_template(environment: str) -> None:
    """Every parameter exists, has a value that it may have, and goes with the others."""
    overrides = read_overrides(environment)
    assert overrides["Stage"] == environment
    assert find_misfits(overrides) == []
    assert find_refusals(TEMPLATE, read_defaults(TEMPLATE) | overrides) == []


def test_limits__take_defaults_and_every_option() -> None:
    """No default and nothing that the tests deploy is outside its parameter's limits."""
    assert find_misfits(read_defaults(TEMPLATE)) == []
    assert find_misfits(dict(EVERYTHING)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StreamArns", "arn:aws:dynamodb:us-east-1:123456789012:table/user_feature_store"),
        ("StreamArns", "user_feature_store"),
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
