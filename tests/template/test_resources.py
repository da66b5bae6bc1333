"""What the templates make fits together: functions, logs, tables, failure bucket and alarms."""

import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from feature_events import backfill, redrive
from feature_events.metrics import METRICS
from feature_events.records.change import Skipped
from feature_events.redrives.request import MAX_SECONDS
from feature_events.settings.settings import read_settings
from feature_events.wiring import ANSWER_SECONDS
from tests.template.document import EVERYTHING
from tests.template.expansion import ALL_SETS, SETS, STACK, expand_set

NAMESPACE = "FeatureEvents"
FUNCTION = "AWS::Lambda::Function"
ALARM = "AWS::CloudWatch::Alarm"


def read_resources(name: str, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type under a set of parameters."""
    resources = expand_set(name)["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def test_functions__have_the_vpc_and_key_that_were_asked_for() -> None:
    """All functions get subnets, security groups and key, or none gets any."""
    functions = read_resources("everything", FUNCTION)
    assert set(functions) == {"FeatureEventsFunction", "RedriveFunction", "BackfillFunction", "RegistrationFunction"}
    subnets = EVERYTHING["SubnetIds"].split(",")
    expected = {"SubnetIds": subnets, "SecurityGroupIds": [EVERYTHING["SecurityGroupIds"]]}
    assert [each["VpcConfig"] for each in functions.values()] == [expected] * 4
    assert {each["KmsKeyArn"] for each in functions.values()} == {EVERYTHING["KmsKeyArn"]}
    outside = read_resources("own tables", FUNCTION)
    assert [each for each in outside.values() if {"VpcConfig", "KmsKeyArn"} & each.keys()] == []


@pytest.mark.parametrize("name", SETS)
def test_functions__have_the_layer_of_their_architecture(name: str) -> None:
    """Only one layer is made, and every function has it."""
    ((layer, properties),) = read_resources(name, "AWS::Lambda::LayerVersion").items()
    functions = read_resources(name, FUNCTION).values()
    assert [each["Layers"] for each in functions] == [[{"Ref": layer}]] * len(functions)
    assert {tuple(each["Architectures"]) for each in functions} == {tuple(properties["CompatibleArchitectures"])}


@pytest.mark.parametrize("name", ["everything", "pinned id", "registry looked up"])
@pytest.mark.parametrize(("sender", "module"), [("Redrive", redrive), ("Backfill", backfill)])
def test_senders__are_the_function_under_another_name(name: str, sender: str, module: ModuleType) -> None:
    """They have the same code and settings; their metrics have another service, so that they cannot affect the alarms.

    The own tables are for the preflight check, which they do not have.
    """
    functions = read_resources(name, FUNCTION)
    function, other = functions["FeatureEventsFunction"], functions[f"{sender}Function"]
    same = {"Code", "Layers", "Runtime", "Architectures", "VpcConfig", "KmsKeyArn", "Tags"}
    assert {each: other.get(each) for each in same} == {each: function.get(each) for each in same}
    variables = dict(function["Environment"]["Variables"])
    assert variables["POWERTOOLS_SERVICE_NAME"] == STACK
    del variables["OWN_TABLES"]
    expected = variables | {"POWERTOOLS_SERVICE_NAME": f"{STACK}-{sender.lower()}"}
    assert other["Environment"]["Variables"] == expected
    assert other["Handler"] == f"{module.__name__}.{module.handler.__name__}"
    assert "ReservedConcurrentExecutions" not in other


@pytest.mark.parametrize(
    ("name", "identity", "version", "registry"),
    [
        ("pinned id", "7", "", ""),
        ("registry looked up", "", "", "https://registry.example.com"),
        ("latest version", "", "latest", "https://registry.example.com"),
        ("named Glue registry looked up", "", "3", SETS["named Glue registry"]["SchemaRegistry"]),
        ("own tables", {"Fn::GetAtt": ["SchemaRegistration", "SchemaId"]}, "", ""),
    ],
)
def test_schema__reaches_the_functions(name: str, identity: object, version: str, registry: str) -> None:
    """The one parameter becomes an id, a version, or a registry to look in."""
    functions = read_resources(name, FUNCTION)
    for function in ("FeatureEventsFunction", "RedriveFunction", "BackfillFunction"):
        variables = functions[function]["Environment"]["Variables"]
        found = [variables[each] for each in ("SCHEMA_ID", "SCHEMA_VERSION", "SCHEMA_REGISTRY")]
        assert found == [identity, version, registry]


def test_timeouts__leave_time_for_the_longest_run() -> None:
    """A batch and the longest redrive that a request can ask for end before their functions' timeouts."""
    functions = read_resources("pinned id", FUNCTION)
    delivery_seconds = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_ID": "7"}).delivery_timeout_ms / 1000
    assert functions["FeatureEventsFunction"]["Timeout"] > delivery_seconds + ANSWER_SECONDS
    assert functions["RedriveFunction"]["Timeout"] > MAX_SECONDS + ANSWER_SECONDS


@pytest.mark.parametrize("name", SETS)
def test_logs__are_in_groups_of_the_functions_names(name: str) -> None:
    """Each function writes to a log group of the stack, which has its name and keeps its lines as asked."""
    groups, functions = read_resources(name, "AWS::Logs::LogGroup"), read_resources(name, FUNCTION)
    assert {each["RetentionInDays"] for each in groups.values()} == {SETS[name].get("LogRetentionDays", "30")}
    assert len(functions) == len(groups)
    for function in functions.values():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_failure_bucket__is_always_encrypted() -> None:
    """By the key that was given, or by S3's own."""
    rules = [
        read_resources(name, "AWS::S3::Bucket")["FailureBucket"]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        for name in ("everything", "pinned id")
    ]
    assert [rule["ServerSideEncryptionByDefault"] for (rule,) in rules] == [
        {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": EVERYTHING["KmsKeyArn"]},
        {"SSEAlgorithm": "AES256"},
    ]


def test_tables_and_failure_bucket__outlive_the_stack_but_not_a_failed_first_deployment() -> None:
    """A table that is protected from deletion could not be deleted by a rollback."""
    resources = expand_set("own tables")["Resources"]
    for name in ("UserFeatureStore", "AccountFeatureStore", "FailureBucket"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
        assert "DeletionProtectionEnabled" not in resources[name]["Properties"]


def test_tables__are_encrypted_and_can_be_restored() -> None:
    """Each of the stack's own can go back to any second of the last weeks."""
    tables = read_resources("own tables", "AWS::DynamoDB::Table")
    assert {each["TableName"] for each in tables.values()} == {"user_feature_store", "account_feature_store"}
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_tables__are_made_only_if_asked_for() -> None:
    """An account may have tables with their names already."""
    assert read_resources("attached tables", "AWS::DynamoDB::Table") == {}
    assert read_resources("attached tables", "AWS::Lambda::EventSourceMapping") == {}


def test_tables__wait_for_the_registration() -> None:
    """A registration that fails leaves no table whose name the next deployment would find taken."""
    for name, waits in (("own tables", True), ("own and attached tables", False)):
        for table in read_resources(name, "AWS::DynamoDB::Table").values():
            assert ({"Ref": "SchemaRegistration"} in [tag["Value"] for tag in table.get("Tags", [])]) is waits


def test_tables__have_the_prefix() -> None:
    """Two stacks in one account and region do not make tables with the same name."""
    tables = read_resources("own tables with a prefix", "AWS::DynamoDB::Table")
    assert {each["TableName"] for each in tables.values()} == {"dev_user_feature_store", "dev_account_feature_store"}


def test_function__reserves_concurrency_only_if_asked() -> None:
    """The default -1 stands for no reservation."""
    asked, unasked = (read_resources(name, FUNCTION)["FeatureEventsFunction"] for name in ("everything", "pinned id"))
    assert asked["ReservedConcurrentExecutions"] == EVERYTHING["ReservedConcurrency"]
    assert "ReservedConcurrentExecutions" not in unasked


def read_metrics(alarm: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The metrics that an alarm looks at: namespace, name and dimensions."""
    if "MetricName" in alarm:
        yield alarm
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"]


@pytest.mark.parametrize("name", ALL_SETS)
def test_alarms__look_at_metrics_that_exist(name: str) -> None:
    """Each of our metrics in an alarm is one that the code emits, with dimensions that it emits it with."""
    for alarm in read_resources(name, ALARM).values():
        for metric in (each for each in read_metrics(alarm) if each["Namespace"] == NAMESPACE):
            assert metric["MetricName"] in METRICS
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            assert dimensions.pop("service") == (STACK if name in SETS else "feature-events")
            assert dimensions.pop("table", "one") in (
                "one",
                {"Ref": "UserFeatureStore"},
                {"Ref": "AccountFeatureStore"},
            )
            assert ("reason" in dimensions) is (metric["MetricName"] == "RecordsSkipped")
            assert set(dimensions.values()) <= set(Skipped)


@pytest.mark.parametrize("name", ["everything", "IAM in a VPC", "attachment with everything"])
def test_alarms__say_what_to_do_and_notify_somebody(name: str) -> None:
    """Each has a description that fits, and the topic; each query is used by its expression."""
    for alarm in read_resources(name, ALARM).values():
        assert 40 < len(alarm["AlarmDescription"]) <= 1024
        (topic,) = alarm["AlarmActions"]
        assert topic == ({"Ref": "AlarmTopic"} if name == "everything" else "arn:aws:sns:us-east-1:123456789012:alarms")
        assert alarm.get("OKActions", [topic]) == [topic]
        queries = alarm.get("Metrics", [])
        used = set(re.findall(r"[a-z_]+", " ".join(query.get("Expression", "") for query in queries)))
        assert {query["Id"] for query in queries if query.get("ReturnData") is False} <= used


def test_alarms__of_failures_name_the_redrive() -> None:
    """The alarms on dead letters and on-failure batches say what redrives them once their cause is fixed."""
    alarms = read_resources("own tables", ALARM) | read_resources("attachment", ALARM)
    for name in ("DeadLettersAlarm", "OwnTablesOnFailureAlarm", "OnFailureAlarm"):
        assert "run the redrive function" in alarms[name]["AlarmDescription"]


@pytest.mark.parametrize("name", ["own tables", "attachment"])
def test_alarms__do_not_point_at_each_other(name: str) -> None:
    """*Not read* and *not invoked* can both be on: only the latter points at others."""
    for alarm in read_resources(name, ALARM).values():
        if "not read" in alarm["AlarmName"]:
            assert "follow that alarm" not in alarm["AlarmDescription"]
        if "not invoked" in alarm["AlarmName"]:
            assert "If another alarm is on, follow that alarm first." in alarm["AlarmDescription"]
