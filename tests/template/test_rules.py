"""CloudFormation rejects parameters that cannot work before it creates anything."""

import pytest

from tests.template.document import (
    BROKERS,
    CLUSTER,
    PINNED,
    REGISTRY,
    SECRET,
    TABLES,
    Parameters,
    read_defaults,
    read_template,
)
from tests.template.expansion import SETS
from tests.template.functions import find_failed_assertions, find_invalid

TEMPLATE = read_template()
NEEDS_CREDENTIALS = "This KafkaAuth needs KafkaSecretArn."
NEEDS_CLUSTER = "KafkaAuth iam needs KafkaClusterArn for the roles' policies."
NEEDS_REGISTRY = "This Schema needs SchemaRegistry. Without a registry, pin the schema id with Schema=id:NUMBER."
NEEDS_BOTH = "Set both SubnetIds and SecurityGroupIds, or neither."
SUBNETS = {"SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d"}
GROUPS = {"SecurityGroupIds": "sg-0a1b2c3d"}

CASES: list[tuple[str, Parameters, Parameters]] = [
    *(
        (NEEDS_CREDENTIALS, PINNED | {"KafkaAuth": method}, {"KafkaSecretArn": SECRET})
        for method in ("plain", "scram", "scram-256", "oauth", "mtls")
    ),
    (NEEDS_CLUSTER, PINNED | {"KafkaAuth": "iam"}, {"KafkaClusterArn": CLUSTER}),
    *(
        (NEEDS_REGISTRY, {"Schema": schema}, {"SchemaRegistry": REGISTRY})
        for schema in ("register", "look-up", "version:latest")
    ),
    (NEEDS_BOTH, PINNED | SUBNETS, GROUPS),
    (NEEDS_BOTH, PINNED | GROUPS, SUBNETS),
]
"""The description of an assertion, parameters that it rejects, and the parameters that are missing."""


def check(parameters: Parameters) -> list[str]:
    """Return the descriptions of the assertions that these parameters do not meet."""
    return find_failed_assertions(TEMPLATE, {**read_defaults(TEMPLATE), **BROKERS, **parameters})


@pytest.mark.parametrize(("description", "rejected", "missing"), CASES, ids=[str(rejected) for _, rejected, _ in CASES])
def test_rules__reject_what_cannot_work(description: str, rejected: Parameters, missing: Parameters) -> None:
    """One assertion fails, and none with the missing parameters."""
    assert check(rejected) == [description]
    assert check({**rejected, **missing}) == []


def test_rules__accept_what_works() -> None:
    """Every set of parameters that the tests expand, and methods that need no secret."""
    accepted = [*SETS.values(), *(PINNED | {"KafkaAuth": method} for method in ("none", "tls"))]
    assert [parameters for parameters in accepted if check(parameters)] == []


def test_rules__are_all_tested() -> None:
    """Each assertion of the template has a case."""
    assertions = [assertion for rule in TEMPLATE["Rules"].values() for assertion in rule["Assertions"]]
    assert {each["AssertDescription"] for each in assertions} == {description for description, _, _ in CASES}


def test_limits__accept_defaults_and_every_option() -> None:
    """Every set of parameters that the tests expand is within the limits."""
    for parameters in (read_defaults(TEMPLATE), *SETS.values()):
        assert find_invalid(TEMPLATE, parameters) == []


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
def test_limits__reject_malformed_values(name: str, value: str) -> None:
    """CloudFormation reports the parameter's own description of the allowed values."""
    assert find_invalid(TEMPLATE, {name: value}) == [name]
