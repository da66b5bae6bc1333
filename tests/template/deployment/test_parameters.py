"""Every set of parameters can be deployed, and reaches the functions and their roles."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import pytest

from local.application.deployment import Deployment
from tests.template import document
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn
from tests.template.document import (
    ATTACHED_EVERYTHING,
    CA_SECRET,
    CLUSTER,
    KEY,
    REGISTRY_CA_SECRET,
    REGISTRY_SECRET,
    SECRET,
    Parameters,
)

VARIABLES = {
    "KafkaAuth": "KAFKA_AUTH",
    "KafkaSecretArn": "KAFKA_SECRET_ARN",
    "KafkaCaSecretArn": "KAFKA_CA_SECRET_ARN",
    "KafkaCompression": "KAFKA_COMPRESSION",
    "KafkaProperties": "KAFKA_PROPERTIES",
    "SchemaFile": "SCHEMA_FILE",
    "TableLayouts": "TABLE_LAYOUTS",
    "FeaturesMode": "FEATURES_MODE",
    "Removals": "REMOVALS",
    "DeadLetterLimit": "DEAD_LETTER_LIMIT",
    "LogLevel": "POWERTOOLS_LOG_LEVEL",
}
"""The function's environment variable for each parameter."""
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table"
OMITTED = {
    "OwnTables",
    "TableNamePrefix",
    "TableArns",
    "TopicName",
    "KafkaClusterArn",
    "Architecture",
    "SchemaRegistry",
    "SchemaRegistrySecretArn",
    "SchemaRegistryCaSecretArn",
}
"""Options that a test sets to a value of the local stack, or that the local stack does not support."""
ALARM_TOPIC = {"AlarmTopicArn": "arn:aws:sns:us-east-1:000000000000:alarms"}
EVERYTHING = {name: text for name, text in document.EVERYTHING.items() if name not in OMITTED} | ALARM_TOPIC
"""Every option of the application that can be combined with the others, except the registry's secrets."""
ATTACHED = {name: text for name, text in ATTACHED_EVERYTHING.items() if name not in document.ATTACHED} | ALARM_TOPIC
"""Values for all optional parameters of an attachment."""


class Case(NamedTuple):
    """A set of parameters, and the expected deployment."""

    parameters: Parameters
    tables: list[str]
    """The names of the tables in TableArns. The policies must contain one resource for each."""
    statements: set[str]
    """The optional statements of the roles."""
    schema: tuple[str, str] = ("7", "")
    """The functions' SCHEMA_ID and SCHEMA_VERSION."""
    publisher_statements: AbstractSet[str] = frozenset()
    """The optional statements of the publishing function's role alone."""
    backfill_statements: AbstractSet[str] = frozenset()
    """The optional statements of the backfill's role alone."""


CASES: Mapping[str, Case] = {
    "authenticate-scram": Case(NO_REGISTRY | {"KafkaAuth": "scram", "KafkaSecretArn": SECRET}, ["orders"], {"Secrets"}),
    "authenticate-iam": Case(
        NO_REGISTRY | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
        ["orders", "users.v2", "shops"],
        {"KafkaCluster", "KafkaTopic"},
        publisher_statements={"DescribeTopicConfiguration"},
        backfill_statements={"ReadTopic", "DescribeGroup"},
    ),
    "authenticate-mtls": Case(
        NO_REGISTRY | {"KafkaAuth": "mtls", "KafkaSecretArn": SECRET, "KafkaCaSecretArn": CA_SECRET},
        ["prod_*"],
        {"Secrets"},
    ),
    "registry-at-run-time": Case(
        {
            "Schema": "version:latest",
            "SchemaRegistry": "https://registry.example.com",
            "SchemaRegistrySecretArn": REGISTRY_SECRET,
            "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
        },
        ["orders", "prod_*"],
        {"Secrets"},
        ("", "latest"),
    ),
}
"""The cases by the names of their stacks."""
ALWAYS = {"Log", "ReadStreams", "ListStreams", "DescribeTables", "PutFailures", "OnFailureBucket"}
ALWAYS_TO_REDRIVE = {"Log", "ListFailures", "TakeFailures", "PutRedriven", "ReadItems"}
ALWAYS_TO_BACKFILL = {"Log", "Checkpoints", "MissingCheckpoints", "ScanTables"}


def assert_deployed(account: Account, made: Deployment, case: Case) -> None:
    """Assert that the functions have these settings, their roles these statements, and all alarms the topic."""
    parameters, statements = case.parameters, case.statements
    expected = {variable: parameters[parameter] for parameter, variable in VARIABLES.items() if parameter in parameters}
    for function in (made.function, made.outputs["RedriveFunctionName"], f"{made.name}-backfill"):
        variables = account.read_function(function)["Environment"]["Variables"]
        assert {variable: variables[variable] for variable in expected} == expected
    publisher, redrive, backfill = (
        account.read_statements(made.outputs[role]) for role in ("RoleArn", "RedriveRoleArn", "BackfillRoleArn")
    )
    assert set(publisher) == ALWAYS | statements | case.publisher_statements
    assert set(redrive) == ALWAYS_TO_REDRIVE | statements
    assert set(backfill) == ALWAYS_TO_BACKFILL | statements | case.backfill_statements
    tables = parameters["TableArns"].split(",")
    assert publisher["ReadStreams"]["Resource"] == [f"{table}/stream/*" for table in tables]
    for statement in (publisher["DescribeTables"], redrive["ReadItems"], backfill["ScanTables"]):
        assert statement["Resource"] == tables
    alarms = account.alarms.describe_alarms(AlarmNamePrefix=f"{made.name} ")["MetricAlarms"]
    assert len(alarms) >= account.read_types(made.name).count("AWS::CloudWatch::Alarm") > 0
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(made.outputs["AlarmsTopicArn"],)}


@pytest.mark.parametrize("name", CASES)
def test_parameters__reach_functions_and_roles(account: Account, remove: Callable[[str], None], name: str) -> None:
    """The functions get the settings, and their roles the permissions for them."""
    case = CASES[name]
    arns = ",".join(f"{ARN}/{table}" for table in case.tables)
    parameters = {"TopicName": name, **case.parameters, "TableArns": arns}
    remove(name)
    made = account.deploy(name, parameters)
    assert_deployed(account, made, case._replace(parameters=parameters))
    variables = account.read_function(made.function)["Environment"]["Variables"]
    assert (variables["SCHEMA_ID"], variables["SCHEMA_VERSION"]) == case.schema


def test_every_option__takes_effect(account: Account, remove: Callable[[str], None]) -> None:
    """Options that are not settings of the code configure the function, the mapping, the log groups and the bucket.

    The secrets of a registry are omitted, since the local registry has neither TLS nor a password.
    """
    (stream,) = account.make_tables(1).values()
    parameters = {**EVERYTHING, "TableArns": to_table_arn(stream), "TopicName": "everything"}
    remove("everything")
    made = account.deploy("everything", parameters)
    account.attach("everything", stream, **ATTACHED)
    statements = {"Secrets", "SecretsKey", "TableKeys", "OwnKey", "NetworkInterfaces", "NoNetworkInterfacesFromCode"}
    assert_deployed(account, made, Case(parameters, [], statements))
    assert account.read_function(made.function)["MemorySize"] == 1024
    mapping = account.read_mappings(made)[stream]
    numbers = ("BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "MaximumRecordAgeInSeconds")
    assert [mapping[number] for number in numbers] == [500, 1, 2, 3600]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"].endswith(made.outputs["FailureBucketName"])
    groups = account.stack.clients.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/everything")["logGroups"]
    assert [(group["retentionInDays"], group["kmsKeyId"]) for group in groups] == [(7, KEY)] * 4
