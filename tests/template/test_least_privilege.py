"""The roles may do what the functions need, on what they need it, and nothing else."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from feature_events.failures.failure_store import REDRIVEN_PREFIX
from feature_events.failures.on_failure_batch import ON_FAILURE_PREFIX
from tests.template.document import (
    CA_SECRET,
    CLUSTER,
    EVERYTHING,
    GLUE_REGISTRY,
    PINNED,
    REGISTRY,
    REGISTRY_CA_SECRET,
    REGISTRY_SECRET,
    SECRET,
    SECRETS_KEY,
    STREAMS,
    TABLE_KEY,
    Parameters,
    to_members,
    transform,
)
from tests.template.roles import SENDERS, is_policy, read_functions, read_resources, read_statements

SETS: Mapping[str, Parameters] = {
    "own tables": {"SchemaRegistry": REGISTRY},
    "streams": PINNED | {"StreamArns": ",".join(STREAMS)},
    "tls": PINNED | {"KafkaAuth": "tls"},
    "scram": PINNED | {"KafkaAuth": "scram", "KafkaSecretArn": SECRET},
    "iam": PINNED | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
    "mtls": PINNED | {"KafkaAuth": "mtls", "KafkaSecretArn": SECRET, "KafkaCaSecretArn": CA_SECRET},
    "Glue": {"SchemaRegistry": "glue"},
    "Glue at run time": {"SchemaRegistry": GLUE_REGISTRY, "RegisterSchema": "false"},
    "everything": EVERYTHING,
}

WILDCARDS: Mapping[str, str] = {
    "NetworkInterfaces": "EC2's Describe actions know no resource, and Lambda asks for all of them on *",
    "Traces": "X-Ray knows no resource for them",
    "ListStreams": "it lists the account's streams, so there is no single stream to name",
    "PutFailures": "the objects under the two prefixes of the failure bucket",
    "TakeFailures": "the same",
    "PutRedriven": "the same, for its own two",
    "Checkpoints": "the objects under a backfill's prefix",
    "FollowSegments": "the machine's own executions, whose names nobody knows yet",
    "RedriveSegments": "the same, those of its Map",
    "TraceSampling": "X-Ray knows no resource for it",
}
"""Sid -> why its resource may have a wildcard."""

SERVICES = {
    "dynamodb",
    "ec2",
    "glue",
    "kafka-cluster",
    "kms",
    "lambda",
    "logs",
    "s3",
    "secretsmanager",
    "states",
    "xray",
}


def to_text(value: object) -> str:
    """A resource, functions and all, as text to look for wildcards in."""
    return str(value)


@pytest.mark.parametrize("parameters", SETS.values(), ids=SETS)
def test_statements__have_no_wildcard_without_a_reason(parameters: Parameters) -> None:
    """Where a resource has a wildcard, AWS allows nothing narrower; no action has one."""
    allowed = [each for each in read_statements(transform(parameters)) if each["Effect"] == "Allow"]
    assert allowed
    wide = {each["Sid"] for each in allowed if "*" in to_text(each["Resource"])}
    assert wide <= set(WILDCARDS)
    assert [each["Sid"] for each in allowed if "*" in to_text(each["Action"])] == []
    assert {action.partition(":")[0] for each in allowed for action in to_members(each["Action"])} <= SERVICES
    assert [each["Sid"] for each in allowed if "NotAction" in each or "NotResource" in each] == []


def test_wildcards__are_all_used() -> None:
    """No exception stands in the list that the template does not need."""
    statements = read_statements(transform(EVERYTHING))
    assert {
        each["Sid"] for each in statements if each["Effect"] == "Allow" and "*" in to_text(each["Resource"])
    } == set(WILDCARDS)


@pytest.mark.parametrize("parameters", SETS.values(), ids=SETS)
def test_roles__have_nothing_from_elsewhere(parameters: Parameters) -> None:
    """Each function has a role of its own; no role has a managed policy of AWS's, which grants on *."""
    template = transform(parameters)
    roles = {name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role"}
    assert set(read_functions(template).values()) <= roles
    assert len(set(read_functions(template).values())) == len(read_functions(template))
    attached = {name: template["Resources"][name]["Properties"]["ManagedPolicyArns"] for name in roles}
    shared = {name for name, each in template["Resources"].items() if each["Type"] == "AWS::IAM::ManagedPolicy"}
    assert [each for arns in attached.values() for each in arns if each.get("Ref") not in shared] == []
    apart = {name: each for name, each in template["Resources"].items() if "Policy" in each["Type"]}
    buckets_and_topics = {"AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"}
    assert {each["Type"] for each in apart.values()} <= buckets_and_topics | {
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
    }
    policies = [each["Properties"] for each in apart.values() if is_policy(each)]
    assert Counter(role["Ref"] for each in policies for role in each["Roles"]) == (
        dict.fromkeys(("FunctionRole", *SENDERS), len(STREAMS)) if "StreamArns" in parameters else {}
    )
    assert {"Users", "Groups"} & {name for each in policies for name in each} == set()


@pytest.mark.parametrize("name", SETS)
def test_kafka_actions__are_for_iam_and_on_cluster_and_topic_alone(name: str) -> None:
    """Only IAM authentication needs them, on the cluster and on the one topic."""
    found = {
        action: each["Resource"]
        for each in read_statements(transform(SETS[name]))
        for action in to_members(each["Action"])
        if action.startswith("kafka-cluster:")
    }
    topic = f"{CLUSTER.replace(':cluster/', ':topic/')}/FEATURE_AVAILABILITY_EVENTS"
    expected = {
        "kafka-cluster:Connect": CLUSTER,
        "kafka-cluster:WriteDataIdempotently": CLUSTER,
        "kafka-cluster:DescribeTopic": topic,
        "kafka-cluster:WriteData": topic,
    }
    assert found == (expected if name == "iam" else {})


def test_secrets__are_those_given() -> None:
    """Each function reads the secrets that it uses: those of the registry are for whoever asks it."""
    kafka, registry = [SECRET, CA_SECRET], [REGISTRY_SECRET, REGISTRY_CA_SECRET]
    registered = transform(EVERYTHING)
    assert read_resources(registered, "RegistrationRole", "secretsmanager:GetSecretValue") == registry
    asking, without = transform({**EVERYTHING, "RegisterSchema": "false"}), transform(SETS["tls"])
    for role in ("FunctionRole", *SENDERS):
        assert read_resources(registered, role, "secretsmanager:GetSecretValue") == kafka
        assert read_resources(asking, role, "secretsmanager:GetSecretValue") == kafka + registry
        assert read_resources(without, role, "secretsmanager:GetSecretValue") == []


def test_secrets_key__is_used_through_secrets_manager_alone() -> None:
    """The key of the secrets decrypts nothing but secrets."""
    decrypting = [each for each in read_statements(transform(EVERYTHING)) if each["Resource"] == SECRETS_KEY]
    assert {each["Action"] for each in decrypting} == {"kms:Decrypt"}
    assert [each["Condition"] for each in decrypting] == [to_condition("secretsmanager")] * 4


def to_condition(service: str) -> dict[str, Any]:
    """Through this service only.

    AWS's pages have the first name for every region, those for China too; the hosts of China end differently.
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    hosts = [f"{service}.${{AWS::Region}}.{suffix}" for suffix in ("amazonaws.com", "${AWS::URLSuffix}")]
    return {"StringEquals": {"kms:ViaService": hosts}}


def test_table_keys__are_used_through_dynamodb_alone() -> None:
    """The functions that read tables or their streams may use the tables' keys for that, and no other may."""
    keys = [TABLE_KEY, f"{TABLE_KEY}-of-another-table"]
    given = {"SchemaRegistry": REGISTRY, "StreamArns": ",".join(STREAMS), "TableKmsKeyArns": ",".join(keys)}
    template = transform(given)
    for role in ("FunctionRole", *SENDERS):
        (statement,) = [each for each in read_statements(template, role) if each["Sid"] == "TableKeys"]
        assert (statement["Effect"], statement["Resource"]) == ("Allow", keys)
        assert statement["Action"] == ["kms:Decrypt", "kms:DescribeKey"]
        assert statement["Condition"] == to_condition("dynamodb")
    assert "TableKeys" not in [each["Sid"] for each in read_statements(template, "RegistrationRole")]
    assert "TableKeys" not in [each["Sid"] for each in read_statements(transform(SETS["streams"]))]


def test_streams__are_those_read() -> None:
    """The function reads the streams that it is fed by."""
    assert read_resources(transform(SETS["streams"]), "FunctionRole", "dynamodb:GetRecords") == STREAMS
    own = read_resources(transform(SETS["own tables"]), "FunctionRole", "dynamodb:GetRecords")
    assert own == [{"Fn::GetAtt": [table, "StreamArn"]} for table in ("UserFeatureStore", "AccountFeatureStore")]


def test_items__are_read_by_the_redrive_function_alone_and_of_the_streams_tables() -> None:
    """It compares records with the items of exactly the tables whose streams are read; the others read no item."""
    streams, own = transform(SETS["streams"]), transform(SETS["own tables"])
    tables = [stream.partition("/stream/")[0] for stream in STREAMS]
    assert read_resources(streams, "RedriveRole", "dynamodb:GetItem") == tables
    assert read_resources(own, "RedriveRole", "dynamodb:GetItem") == [
        {"Fn::GetAtt": [table, "Arn"]} for table in ("UserFeatureStore", "AccountFeatureStore")
    ]
    for template in (streams, own):
        actions = {
            action
            for each in read_statements(template, "RedriveRole")
            for action in to_members(each["Action"])
            if action.startswith("dynamodb:")
        }
        assert actions == {"dynamodb:GetItem"}
        assert read_resources(template, "FunctionRole", "dynamodb:GetItem") == []


def test_tables__are_described_and_no_more_by_the_publisher_and_are_those_of_the_streams() -> None:
    """The preflight check describes exactly the tables whose streams are read, and nothing of their data is read."""
    streams, own = transform(SETS["streams"]), transform(SETS["own tables"])
    tables = [stream.partition("/stream/")[0] for stream in STREAMS]
    assert read_resources(streams, "FunctionRole", "dynamodb:DescribeTable") == tables
    assert read_resources(own, "FunctionRole", "dynamodb:DescribeTable") == [
        {"Fn::GetAtt": [table, "Arn"]} for table in ("UserFeatureStore", "AccountFeatureStore")
    ]
    for template in (streams, own):
        statements = [each for each in read_statements(template, "FunctionRole") if each["Sid"] == "DescribeTables"]
        assert {each["Action"] for each in statements} == {"dynamodb:DescribeTable"}
        for role in set(read_functions(template).values()) - {"FunctionRole", "BackfillRole"}:
            assert read_resources(template, role, "dynamodb:DescribeTable") == []


def test_items__can_be_read_while_a_table_has_a_new_stream() -> None:
    """A role knows its policies by their names: a former stream's, when it goes, must not be the new one's."""
    former = STREAMS[0]
    new = former.partition("/stream/")[0] + "/stream/2026-02-03T04:05:06.789"
    template = transform(PINNED | {"StreamArns": f"{former},{new}"})
    policies = [each["Properties"] for each in template["Resources"].values() if is_policy(each)]
    names = [each["PolicyName"] for each in policies]
    assert len({(name, str(each["Roles"])) for name, each in zip(names, policies, strict=True)}) == 6
    assert [name for name in names if not re.fullmatch(r"[\w+=,.@-]{1,128}", name)] == []


def test_redrive__takes_failures_and_puts_what_it_redrove() -> None:
    """It deletes failures and puts nothing there, where the alarm on on-failure deliveries counts puts."""
    template = transform(SETS["own tables"])
    failures = [f"${{FailureBucket.Arn}}/{prefix}*" for prefix in ("dead-letters/", ON_FAILURE_PREFIX)]
    assert read_resources(template, "RedriveRole", "s3:GetObject") == failures
    assert read_resources(template, "RedriveRole", "s3:DeleteObject") == failures
    assert read_resources(template, "RedriveRole", "s3:PutObject") == [
        f"${{FailureBucket.Arn}}/{prefix}*" for prefix in (REDRIVEN_PREFIX, "dead-letters/")
    ]
    for action in ("s3:GetObject", "s3:DeleteObject"):
        assert read_resources(template, "FunctionRole", action) == []


@pytest.mark.parametrize("role", SENDERS)
def test_senders__reach_kafka_as_the_function_does(role: str) -> None:
    """Authentication, secrets, key, network and tracing are the same for all."""
    apart = {"Log", "ReadStreams", "ListStreams", "DescribeTables", "PutFailures", "OnFailureBucket"}
    apart |= {"ListFailures", "TakeFailures", "PutRedriven", "ReadItems"}
    apart |= {"Checkpoints", "MissingCheckpoints", "Scan"}
    for parameters in SETS.values():
        template = transform(parameters)
        function, sender = (
            [each for each in read_statements(template, name) if each["Sid"] not in apart]
            for name in ("FunctionRole", role)
        )
        assert sender == function


def test_registration__cannot_read_streams_or_write_anywhere() -> None:
    """The function that registers the schema has the registry's secrets and its log."""
    template = transform({"SchemaRegistry": REGISTRY})
    assert [each["Sid"] for each in read_statements(template, "RegistrationRole")] == ["Log"]


def test_code__cannot_touch_network_interfaces() -> None:
    """What Lambda needs to put a function into a VPC is denied to the function's own code."""
    template = transform(EVERYTHING)
    for role in read_functions(template).values():
        statements = list(read_statements(template, role))
        (given,) = [each for each in statements if each["Sid"] == "NetworkInterfaces"]
        (denied,) = [each for each in statements if each["Effect"] == "Deny"]
        assert denied["Action"] == given["Action"]
        assert list(denied["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]


def test_boundary__is_on_every_role() -> None:
    """An account that asks for a permissions boundary gets it on each role."""
    template = transform(EVERYTHING)
    roles = [each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"]
    assert {role.get("PermissionsBoundary") for role in roles} == {EVERYTHING["PermissionsBoundaryArn"]}


def test_failure_bucket__is_closed_to_plain_http() -> None:
    """Nobody reaches the failure bucket without TLS, and nothing in it is public."""
    resources = transform({"SchemaId": "7"})["Resources"]
    (statement,) = resources["FailureBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(resources["FailureBucket"]["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
