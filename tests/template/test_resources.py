"""What the template makes fits together: VPC, mappings, alarms and dashboard."""

import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from feature_events import backfill, redrive
from feature_events.metrics import METRICS
from feature_events.records.change import Skipped
from feature_events.redrives.request import MAX_SECONDS
from feature_events.wiring import ANSWER_SECONDS
from tests.template.document import EVERYTHING, REGISTRY, STREAMS, Parameters, Template, read_template, transform
from tests.template.expansion import expand

PINNED = {"SchemaId": "7"}
OWN_TABLES = PINNED
EXISTING = PINNED | {"StreamArns": ",".join(STREAMS)}
NAMESPACE = "FeatureEvents"


def read_resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type that are made."""
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def read_metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics that an alarm looks at: namespace, name and dimensions."""
    if "MetricName" in alarm:
        yield alarm
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"]


def test_functions__have_the_vpc_and_key_that_were_asked_for() -> None:
    """All functions get subnets, security groups and key, or none gets any."""
    functions = read_resources(expand(read_template(), EVERYTHING), "AWS::Lambda::Function")
    assert set(functions) == {"FeatureEventsFunction", "RedriveFunction", "BackfillFunction", "RegistrationFunction"}
    subnets = EVERYTHING["SubnetIds"].split(",")
    expected = {"SubnetIds": subnets, "SecurityGroupIds": [EVERYTHING["SecurityGroupIds"]]}
    assert [each["VpcConfig"] for each in functions.values()] == [expected] * 4
    assert {each["KmsKeyArn"] for each in functions.values()} == {EVERYTHING["KmsKeyArn"]}
    outside = read_resources(expand(read_template(), PINNED), "AWS::Lambda::Function")
    assert [each for each in outside.values() if {"VpcConfig", "KmsKeyArn"} & each.keys()] == []


@pytest.mark.parametrize("parameters", [EVERYTHING, PINNED], ids=["everything", "pinned"])
@pytest.mark.parametrize(("name", "module"), [("Redrive", redrive), ("Backfill", backfill)])
def test_senders__are_the_function_under_another_name(parameters: Parameters, name: str, module: ModuleType) -> None:
    """They have the same code and settings; their metrics are of another service, so that no alarm takes them for ours.

    The streams are for the preflight check, which they have none of.
    """
    functions = read_resources(transform(parameters), "AWS::Lambda::Function")
    function, sender = functions["FeatureEventsFunction"], functions[f"{name}Function"]
    same = {"Code", "Layers", "Runtime", "Architectures", "VpcConfig", "KmsKeyArn", "TracingConfig", "Tags"}
    assert {each: sender.get(each) for each in same} == {each: function.get(each) for each in same}
    variables, others = function["Environment"]["Variables"], sender["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
    assert variables.pop("STREAM_ARNS")
    assert others == variables | {"POWERTOOLS_SERVICE_NAME": f"${{AWS::StackName}}-{name.lower()}"}
    assert sender["Handler"] == f"{module.__name__}.{module.handler.__name__}"
    assert "ReservedConcurrentExecutions" not in sender


def test_redrive__has_the_time_that_may_be_asked_for() -> None:
    """The longest run that a request can ask for ends before the function's timeout."""
    function = read_resources(transform(PINNED), "AWS::Lambda::Function")["RedriveFunction"]
    assert function["Timeout"] > MAX_SECONDS + ANSWER_SECONDS


@pytest.mark.parametrize("parameters", [EVERYTHING, {"SchemaRegistry": REGISTRY}], ids=["everything", "registry"])
def test_logs__are_in_groups_of_the_functions_names(parameters: Parameters) -> None:
    """Each function writes to a log group of the stack's, which is named after it and keeps its lines as asked."""
    template = transform(parameters)
    groups = read_resources(template, "AWS::Logs::LogGroup")
    days = parameters.get("LogRetentionDays", "30")
    assert {str(each["RetentionInDays"]) for each in groups.values()} == {days}
    functions = read_resources(template, "AWS::Lambda::Function").values()
    assert len(functions) == len(groups)
    for function in functions:
        name = function["FunctionName"]
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        name = "${AWS::StackName}" if name == {"Ref": "AWS::StackName"} else name
        assert group["LogGroupName"] == f"/aws/lambda/{name}"


@pytest.mark.parametrize("name", ["DeadLettersAlarm", "OnFailureDeliveriesAlarm"])
def test_alarms__of_failures_name_the_redrive(name: str) -> None:
    """Whoever is told of a dead letter or an on-failure batch is told what redrives it once its cause is fixed."""
    alarm = read_resources(transform(PINNED), "AWS::CloudWatch::Alarm")[name]
    assert "then run the redrive function" in alarm["AlarmDescription"]


def test_failure_bucket__is_always_encrypted() -> None:
    """By the key that was given, or by S3's own."""
    given, own = (read_resources(transform(each), "AWS::S3::Bucket")["FailureBucket"] for each in (EVERYTHING, PINNED))
    (rule,) = given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    expected = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": EVERYTHING["KmsKeyArn"]}
    assert rule["ServerSideEncryptionByDefault"] == expected
    (rule,) = own["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_tables__are_kept_in_prod_alone() -> None:
    """Tables and failure bucket outlive a stack of prod, and go with one of dev."""
    for stage, policy, is_protected in (("prod", "Retain", True), ("dev", "Delete", False)):
        resources = transform(PINNED | {"Stage": stage})["Resources"]
        tables = [resources[name] for name in ("UserFeatureStore", "AccountFeatureStore")]
        assert {(each["DeletionPolicy"], each["UpdateReplacePolicy"]) for each in tables} == {(policy, policy)}
        assert {each["Properties"]["DeletionProtectionEnabled"] for each in tables} == {is_protected}
        assert resources["FailureBucket"]["UpdateReplacePolicy"] == policy


def test_failure_bucket__does_not_outlive_a_first_deployment_that_fails() -> None:
    """In prod it is kept whatever happens to the stack, but for the rollback of what made it."""
    policies = {stage: transform(PINNED | {"Stage": stage})["Resources"]["FailureBucket"] for stage in ("prod", "dev")}
    assert {stage: each["DeletionPolicy"] for stage, each in policies.items()} == {
        "prod": "RetainExceptOnCreate",
        "dev": "Delete",
    }


def test_tables__are_encrypted_and_can_be_restored() -> None:
    """Each of the stack's own can go back to any second of the last weeks, and no line of it is in the clear."""
    tables = read_resources(transform(OWN_TABLES), "AWS::DynamoDB::Table")
    assert set(tables) == {"UserFeatureStore", "AccountFeatureStore"}
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_tables__wait_for_the_registration() -> None:
    """A registration that fails leaves no table whose name the next deployment would find taken."""
    for parameters, waits in (({"SchemaRegistry": REGISTRY}, True), (PINNED, False)):
        tables = read_resources(transform(parameters), "AWS::DynamoDB::Table")
        assert len(tables) == 2
        for table in tables.values():
            assert ({"Ref": "SchemaRegistration"} in [tag["Value"] for tag in table.get("Tags", [])]) is waits


def test_tables__have_names_of_their_own_stage() -> None:
    """Two stacks in one account and region do not make tables of one name."""
    names = [
        {each["TableName"] for each in read_resources(transform(PINNED | more), "AWS::DynamoDB::Table").values()}
        for more in ({}, {"TableNamePrefix": "dev_"})
    ]
    assert names == [
        {"user_feature_store", "account_feature_store"},
        {"dev_user_feature_store", "dev_account_feature_store"},
    ]


def find_untexted(node: object) -> Iterator[object]:
    """What is compared and is neither a text nor a function; the length of a list is compared with a number."""
    for each in node if isinstance(node, list) else [node]:
        if isinstance(each, dict):
            for name, argument in each.items():
                if name == "Fn::Equals" and "Fn::Length" not in argument[0]:
                    yield from (side for side in argument if not isinstance(side, str | dict))
                yield from find_untexted(argument)
        elif isinstance(each, list):
            yield from find_untexted(each)


def test_conditions__compare_texts() -> None:
    """A parameter's value is a text, whatever its type, so it is compared with one; only a length is a number.

    https://github.com/aws-cloudformation/cfn-lint/issues/3458
    """
    template = read_template()
    assert list(find_untexted([template["Conditions"], template["Rules"]])) == []
    assert list(find_untexted({"Fn::Not": [{"Fn::Equals": [{"Ref": "ReservedConcurrency"}, -1]}]})) == [-1]


def test_function__keeps_executions_where_asked() -> None:
    """Concurrency is reserved by a number and not by the word for none."""
    asked = read_resources(transform(EVERYTHING), "AWS::Lambda::Function")["FeatureEventsFunction"]
    assert str(asked["ReservedConcurrentExecutions"]) == EVERYTHING["ReservedConcurrency"]
    unasked = read_resources(transform(PINNED), "AWS::Lambda::Function")["FeatureEventsFunction"]
    assert "ReservedConcurrentExecutions" not in unasked


@pytest.mark.parametrize("parameters", [OWN_TABLES, EXISTING], ids=["own tables", "streams"])
def test_mappings__lose_nothing(parameters: Parameters) -> None:
    """Every mapping reports partial failure, halves a failing batch, and keeps what grows too old."""
    mappings = read_resources(transform(parameters), "AWS::Lambda::EventSourceMapping")
    made = [each for each in mappings.values() if "EventSourceArn" in each]
    assert len(made) >= len(STREAMS)
    for mapping in made:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailureBucket", "Arn"]}}}
        assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
        (pattern,) = mapping["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == {"eventName": ["INSERT", "MODIFY"]}


@pytest.mark.parametrize("parameters", [OWN_TABLES, EXISTING], ids=["own tables", "streams"])
def test_alarms__look_at_metrics_that_exist(parameters: Parameters) -> None:
    """Each of our metrics in an alarm is one that the code emits, under the service's name that it emits it by."""
    for name, alarm in read_resources(transform(parameters), "AWS::CloudWatch::Alarm").items():
        ours = [metric for metric in read_metrics(alarm) if metric["Namespace"] == NAMESPACE]
        assert {metric["MetricName"] for metric in ours} <= set(METRICS), name
        for metric in ours:
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            assert dimensions.pop("service") == {"Ref": "AWS::StackName"}
            assert set(dimensions.values()) <= set(Skipped)


@pytest.mark.parametrize("parameters", [OWN_TABLES, EXISTING], ids=["own tables", "streams"])
def test_alarms__stay_within_what_cloudwatch_takes(parameters: Parameters) -> None:
    """An alarm has at most ten metrics, uses each that it names, says what to do, and tells somebody."""
    alarms = read_resources(transform(parameters), "AWS::CloudWatch::Alarm")
    assert len(alarms) > len(STREAMS)
    for name, alarm in alarms.items():
        assert len(list(read_metrics(alarm))) <= 10, name
        assert 40 < len(alarm["AlarmDescription"]) <= 1024, name
        assert alarm["AlarmActions"], name
        assert alarm["OKActions"], name
        queries = alarm.get("Metrics", [])
        used = set(re.findall(r"[a-z]+", " ".join(query.get("Expression", "") for query in queries)))
        hidden = {query["Id"] for query in queries if query.get("ReturnData") is False}
        assert hidden <= used, name
        assert len(queries) in {0, len(hidden) + 1}, name


def test_stream_alarms__name_table_and_stream() -> None:
    """The alarms of an existing stream look at what DynamoDB counts for that table and stream."""
    alarms = read_resources(transform(EXISTING), "AWS::CloudWatch::Alarm")
    counted = [
        {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        for name, alarm in alarms.items()
        if name.startswith("Not")
        for metric in read_metrics(alarm)
        if metric["Namespace"] == "AWS/DynamoDB"
    ]
    expected = []
    for stream in STREAMS:
        _, table, _, label = stream.split("/")
        expected += [{"TableName": table, "StreamLabel": label, "Operation": "GetRecords"}, {"TableName": table}]
    assert counted == expected


@pytest.mark.parametrize("parameters", [OWN_TABLES, EXISTING], ids=["own tables", "streams"])
def test_alarms__on_dynamodb_do_not_count_on_missing_data(parameters: Parameters) -> None:
    """CloudWatch ignores it there whatever the alarm says, so none is on a plain metric of DynamoDB.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (TreatMissingData)
    """
    alarms = read_resources(transform(parameters), "AWS::CloudWatch::Alarm")
    assert [name for name, alarm in alarms.items() if alarm.get("Namespace") == "AWS/DynamoDB"] == []


def test_alarm_descriptions__fit_and_give_their_commands() -> None:
    """None is longer than CloudWatch takes, and who is told to run a function is told how.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (AlarmDescription)
    """
    alarms = read_resources(transform(OWN_TABLES), "AWS::CloudWatch::Alarm")
    alarms |= read_resources(transform(EXISTING), "AWS::CloudWatch::Alarm")
    texts = [each["AlarmDescription"] for each in alarms.values()]
    assert max(len(text) for text in texts) <= 1024
    for words, function in (("preflight check", "FeatureEventsFunction"), ("redrive function", "RedriveFunction")):
        told = [text for text in texts if words in text]
        assert told
        assert [text for text in told if f"sam remote invoke {function} --config-env prod" not in text] == []


def test_alarms__do_not_point_at_each_other() -> None:
    """*Not read* and *not invoked* are both on for a disabled mapping: only the latter points at the former."""
    for parameters in (OWN_TABLES, EXISTING):
        for alarm in read_resources(transform(parameters), "AWS::CloudWatch::Alarm").values():
            name, text = json.dumps(alarm["AlarmName"]), alarm["AlarmDescription"]
            assert "not read from" not in name or "follow that one" not in text
            assert "not invoked from" not in name or "Where not read or another alarm is on" in text


def test_timeouts__leave_the_handler_its_time() -> None:
    """The ten seconds between the two timeouts are more than the handler keeps for its answer."""
    assert ANSWER_SECONDS < 10
