"""Every set of parameters makes a whole stack: the functions have their settings, and their roles what they need."""

from collections.abc import Callable, Mapping

import pytest

from local.application.deployment import Deployment
from tests.template.deployment.account import NO_REGISTRY, Account
from tests.template.document import (
    CA_SECRET,
    CLUSTER,
    EVERYTHING,
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
    "DeliveryTimeoutMs": "DELIVERY_TIMEOUT_MS",
    "SchemaId": "SCHEMA_ID",
    "SchemaFile": "SCHEMA_FILE",
    "TableLayouts": "TABLE_LAYOUTS",
    "FeaturesMode": "FEATURES_MODE",
    "EventHeaders": "EVENT_HEADERS",
    "DeadLetterLimit": "DEAD_LETTER_LIMIT",
    "LogLevel": "POWERTOOLS_LOG_LEVEL",
}
"""Parameter -> the variable that the function has it by."""
SETS: Mapping[str, tuple[Parameters, set[str]]] = {
    "authenticate-scram": (NO_REGISTRY | {"KafkaAuth": "scram", "KafkaSecretArn": SECRET}, {"Secrets"}),
    "authenticate-iam": (
        NO_REGISTRY | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
        {"KafkaCluster", "KafkaTopic"},
    ),
    "authenticate-mtls": (
        NO_REGISTRY | {"KafkaAuth": "mtls", "KafkaSecretArn": SECRET, "KafkaCaSecretArn": CA_SECRET},
        {"Secrets"},
    ),
    "registry-at-run-time": (
        {
            "RegisterSchema": "false",
            "AutoRegisterSchemas": "false",
            "SchemaRegistry": "https://registry.example.com",
            "SchemaVersion": "latest",
            "SchemaRegistrySecretArn": REGISTRY_SECRET,
            "SchemaRegistryCaSecretArn": REGISTRY_CA_SECRET,
        },
        {"Secrets"},
    ),
}
"""A stack's name -> its parameters, and the statements that its role has besides those that every role has."""
ALWAYS = {"Log", "ReadStreams", "ListStreams", "DescribeTables", "PutFailures", "OnFailureBucket"}
ALWAYS_TO_REDRIVE = {"Log", "ListFailures", "TakeFailures", "PutRedriven", "ReadItems"}


def check(account: Account, made: Deployment, parameters: Parameters, statements: set[str]) -> None:
    """Both functions have these settings, their roles these statements, and every alarm somebody to tell."""
    expected = {variable: parameters[parameter] for parameter, variable in VARIABLES.items() if parameter in parameters}
    for function in (made.function, made.outputs["RedriveFunctionName"]):
        variables = account.read_function(function)["Environment"]["Variables"]
        assert {variable: variables[variable] for variable in expected} == expected
    publisher = account.read_statements(made.outputs["RoleArn"])
    assert set(publisher) == ALWAYS | statements
    redrive = account.read_statements(made.outputs["RedriveRoleArn"])
    assert set(redrive) == ALWAYS_TO_REDRIVE | statements
    table = parameters["StreamArns"].partition("/stream/")[0]
    assert (publisher["DescribeTables"]["Resource"], redrive["ReadItems"]["Resource"]) == (table, table)
    alarms = account.alarms.describe_alarms(AlarmNamePrefix=f"{made.name} ")["MetricAlarms"]
    assert len(alarms) == account.read_types(made.name).count("AWS::CloudWatch::Alarm")
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(made.outputs["AlarmsTopicArn"],)}


@pytest.mark.parametrize("name", SETS)
def test_parameters__reach_function_and_role(account: Account, remove: Callable[[str], None], name: str) -> None:
    """Every set of options makes a whole stack: the function has its settings, and the role what they need."""
    given, statements = SETS[name]
    (stream,) = account.make_tables(1).values()
    parameters = {"TopicName": name, **given, "StreamArns": stream}
    remove(name)
    check(account, account.deploy(name, parameters), parameters, statements)


def test_everything__is_how_it_was_asked_for(account: Account, remove: Callable[[str], None]) -> None:
    """With every option on, what is no setting of the code is the function's, the mapping's, the log's or the bucket's.

    The registry of this machine has neither TLS nor a password, so that its secrets are left out.
    """
    (stream,) = account.make_tables(1).values()
    local = {"SchemaRegistry": account.stack.registry, "SchemaRegistrySecretArn": "", "SchemaRegistryCaSecretArn": ""}
    parameters = {**EVERYTHING, **local, "StreamArns": stream, "TopicName": "everything"}
    remove("everything")
    made = account.deploy("everything", parameters)
    statements = {
        "Secrets",
        "SecretsKey",
        "TableKeys",
        "OwnKey",
        "NetworkInterfaces",
        "NoNetworkInterfacesFromCode",
        "Traces",
    }
    check(account, made, parameters, statements)
    function = account.read_function(made.function)
    assert (function["MemorySize"], function["Timeout"]) == (1024, 120)
    assert function["TracingConfig"]["Mode"] == "Active"
    assert function["Environment"]["Variables"]["POWERTOOLS_TRACE_DISABLED"] == "false"
    mapping = account.read_mappings(made)[stream]
    assert (mapping["BatchSize"], mapping["ParallelizationFactor"], mapping["MaximumRetryAttempts"]) == (500, 2, 10)
    groups = account.stack.clients.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/everything")["logGroups"]
    assert [(group["retentionInDays"], group["kmsKeyId"]) for group in groups] == [(7, EVERYTHING["KmsKeyArn"])] * 4
