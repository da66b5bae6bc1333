"""The unmodified `sam deploy` makes, changes and removes the stack, whatever the parameters, and events come through.

MiniStack stands in for AWS. It makes everything that the template names, but enforces no IAM and reckons no alarm on
metric math; what the policies say is tried in test_least_privilege.py.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from local.application import deployment
from local.application.artefacts import CONFIG
from local.application.deployment import APPLICATION, Deployment
from local.environment import REGION, to_aws_environment, to_tool_environment
from local.errors import LocalError
from local.paths import TOOLS
from local.servers.stack import Stack
from tests.support.topics import read_topic, wait_for_topic
from tests.support.web_client import read_json
from tests.template.document import (
    CA_SECRET,
    CLUSTER,
    EVERYTHING,
    REGISTRY_CA_SECRET,
    REGISTRY_SECRET,
    SECRET,
    Parameters,
)

PINNED = {"SchemaRegistry": "", "SchemaId": "7", "AutoRegisterSchemas": "false"}
VARIABLES = {
    "KafkaAuth": "KAFKA_AUTH",
    "KafkaSecretArn": "KAFKA_SECRET_ARN",
    "KafkaCaSecretArn": "KAFKA_CA_SECRET_ARN",
    "KafkaCompression": "KAFKA_COMPRESSION",
    "KafkaProperties": "KAFKA_PROPERTIES",
    "DeliveryTimeoutMs": "DELIVERY_TIMEOUT_MS",
    "SchemaId": "SCHEMA_ID",
    "FeaturesMode": "FEATURES_MODE",
    "EventHeaders": "EVENT_HEADERS",
    "DeadLetterLimit": "DEAD_LETTER_LIMIT",
    "LogLevel": "POWERTOOLS_LOG_LEVEL",
}
"""Parameter -> the variable that the function has it by."""
SCHEMA = Path("feature_events") / "feature_trigger.avsc"
WAIT = 30.0


class Account:
    """The account that everything is deployed to, and the tables that were there before."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._numbers = count()
        self.iam = self.client("iam")
        self.alarms = self.client("cloudwatch")

    def client(self, service: str) -> Any:  # noqa: ANN401 -- these services' types are not installed
        """A client of a service that the local stack's own have not."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.stack.aws, region_name=REGION, **keys)  # type: ignore[call-overload]

    def make_tables(self, number: int) -> dict[str, str]:
        """New tables of another team: name -> the ARN of the stream."""
        made = {}
        for _ in range(number):
            name = f"team_table_{next(self._numbers)}"
            table = self.stack.clients.dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": key, "AttributeType": "S"} for key in ("device_id", "category")
                ],
                KeySchema=[
                    {"AttributeName": "device_id", "KeyType": "HASH"},
                    {"AttributeName": "category", "KeyType": "RANGE"},
                ],
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
            made[name] = table["TableDescription"]["LatestStreamArn"]
        return made

    def put(self, table: str, key: str, entity: str, features: Iterable[str] = ("battery",)) -> None:
        """Writes one item with these features."""
        data = dict.fromkeys(features, 5)
        item: dict[str, Any] = {key: entity, "category": "health", "features": {"data": data, "meta": {}}}
        self.stack.clients.tables.Table(table).put_item(Item=item)

    def read_keys(self, bucket: str, prefix: str) -> set[str]:
        """The keys of the objects with this prefix."""
        found = self.stack.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {each["Key"] for each in found}

    def deploy(self, name: str, parameters: Parameters) -> Deployment:
        """What `sam deploy` makes of these parameters."""
        return deployment.deploy(self.stack, {"Stage": "dev", **parameters}, name)

    def check(self, name: str) -> Any:  # noqa: ANN401 -- JSON
        """What the function answers to the event that samconfig.toml has for `sam remote invoke`."""
        return self._invoke(name, "FeatureEventsFunction")

    def redrive(self, name: str, **request: object) -> Any:  # noqa: ANN401 -- JSON
        """What the redrive function answers to this request."""
        return self._invoke(name, "RedriveFunction", "--event", json.dumps(request))

    def _invoke(self, name: str, function: str, *options: str) -> Any:  # noqa: ANN401
        command: list[str | Path] = [
            *(TOOLS / "sam", "remote", "invoke", function),
            *("--config-file", CONFIG, "--stack-name", name, "--region", REGION),
            *options,
        ]
        environment = to_tool_environment(to_aws_environment(self.stack.aws))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def delete(self, name: str) -> None:
        """Removes the stack and waits until it is gone."""
        cloudformation = self.stack.clients.cloudformation
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )

    def read_types(self, name: str) -> list[str]:
        """The types of the stack's resources."""
        resources = self.stack.clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return [each["ResourceType"] for each in resources]

    def read_mappings(self, deployed: Deployment) -> dict[str, Any]:
        """The function's event source mappings by the stream's ARN."""
        found = self.stack.clients.functions.list_event_source_mappings(FunctionName=deployed.function)
        return {each["EventSourceArn"]: each for each in found["EventSourceMappings"]}

    def read_function(self, name: str) -> Any:  # noqa: ANN401
        """How the function is configured."""
        return self.stack.clients.functions.get_function_configuration(FunctionName=name)

    def read_statements(self, arn: str) -> dict[str, Any]:
        """What a role may do, by the statements' names."""
        role = arn.rpartition("/")[2]
        policies = [
            self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for each in self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            shared = self.iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]
            version = {"PolicyArn": shared["Arn"], "VersionId": shared["DefaultVersionId"]}
            policies.append(self.iam.get_policy_version(**version)["PolicyVersion"]["Document"])
        documents = [json.loads(policy) if isinstance(policy, str) else policy for policy in policies]
        return {each["Sid"]: each for document in documents for each in document["Statement"]}


@pytest.fixture(scope="module")
def account(stack: Stack) -> Account:
    """The account."""
    return Account(stack)


@pytest.fixture
def remove(account: Account) -> Iterator[Callable[[str], None]]:
    """Removes stacks after the test, where it has not done so itself."""
    names: list[str] = []
    yield names.append
    for name in names:
        account.delete(name)


def wait_until[Found: Sized](find: Callable[[], Found], number: int) -> Found:
    """What is found, once there is so much of it."""
    end = time.monotonic() + WAIT
    while len(found := find()) < number and time.monotonic() < end:
        time.sleep(0.2)
    return found


def read_gone(account: Account, name: str) -> list[str]:
    """What of these is gone: the function and its log group."""
    gone = []
    with pytest.raises(account.stack.clients.functions.exceptions.ResourceNotFoundException):
        account.read_function(name)
    gone.append("function")
    groups = account.stack.clients.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    return gone if groups else [*gone, "log group"]


def test_own_tables__are_made_changed_and_removed(account: Account, topic: Callable[..., str]) -> None:
    """Without a stream the stack makes the two tables; their writes give events, and the check is good."""
    name = topic()
    parameters = {"TopicName": name}
    made = account.deploy(APPLICATION, parameters)
    tables = {"user_feature_store": "bright_uid", "account_feature_store": "account_pid"}
    assert {made.outputs["UserFeatureStoreName"], made.outputs["AccountFeatureStoreName"]} == set(tables)
    streams = {made.outputs["UserFeatureStoreStreamArn"], made.outputs["AccountFeatureStoreStreamArn"]}
    assert set(account.read_mappings(made)) == streams
    registered = read_json(f"{account.stack.registry}/subjects/{name}-value/versions/latest")
    assert isinstance(registered, dict)
    assert made.outputs["RegisteredSchemaId"] == str(registered["id"])

    for table, key in tables.items():
        account.put(table, key, table)
    events = wait_for_topic(account.stack.kafka, name, 2)
    assert {event.key.decode() for event in events} == set(tables)
    assert {int.from_bytes(event.value[1:5]) for event in events} == {registered["id"]}

    assert account.check(APPLICATION)["ok"] is True

    changed = account.deploy(APPLICATION, parameters | {"LogLevel": "DEBUG", "BatchSize": "10"})
    assert {each["BatchSize"] for each in account.read_mappings(changed).values()} == {10}
    variables = account.read_function(changed.function)["Environment"]["Variables"]
    assert (variables["POWERTOOLS_LOG_LEVEL"], variables["SCHEMA_REGISTRY"]) == ("DEBUG", "")

    account.delete(APPLICATION)
    assert read_gone(account, APPLICATION) == ["function", "log group"]
    assert set(tables) & set(account.stack.clients.dynamodb.list_tables()["TableNames"]) == set()
    assert read_json(f"{account.stack.registry}/subjects/{name}-value/versions") == [1]


def test_three_streams__each_have_a_mapping(account: Account, topic: Callable[..., str]) -> None:
    """Events come from every stream; a list in another order changes nothing, and a shorter one ends one mapping."""
    name = topic()
    tables = account.make_tables(3)
    parameters = {"TopicName": name, "StreamArns": ",".join(tables.values())}
    made = account.deploy("three-streams", parameters)
    before = account.read_mappings(made)
    assert set(before) == set(tables.values())
    assert {(each["BatchSize"], each["MaximumRecordAgeInSeconds"]) for each in before.values()} == {(1000, 82800)}
    assert "AWS::DynamoDB::Table" not in account.read_types("three-streams")

    for table in tables:
        account.put(table, "device_id", table)
    events = wait_for_topic(account.stack.kafka, name, 3)
    assert {event.key.decode() for event in events} == set(tables)

    first, _, third = tables.values()
    account.deploy("three-streams", parameters | {"StreamArns": f"{third},{first}"})
    after = account.read_mappings(made)
    assert {arn: each["UUID"] for arn, each in after.items()} == {arn: before[arn]["UUID"] for arn in (first, third)}
    alarms = account.alarms.describe_alarms(AlarmNamePrefix="three-streams not read")["MetricAlarms"]
    assert len(alarms) == len(after)
    account.delete("three-streams")
    assert read_gone(account, "three-streams") == ["function", "log group"]


@pytest.fixture
def protected(account: Account) -> Iterator[Callable[[str], tuple[str, str]]]:
    """The names of a prod stack's own tables; after the test they are removed by hand, as the guide says."""
    names: list[str] = []

    def name(prefix: str) -> tuple[str, str]:
        pair = f"{prefix}user_feature_store", f"{prefix}account_feature_store"
        names.extend(pair)
        return pair

    yield name
    dynamodb = account.stack.clients.dynamodb
    for each in set(names) & set(dynamodb.list_tables()["TableNames"]):
        dynamodb.update_table(TableName=each, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=each)


def test_first_deployment__can_be_repeated_after_the_registration_failed(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    protected: Callable[[str], tuple[str, str]],
) -> None:
    """In prod too it leaves neither table nor bucket behind, so that the next one finds no name taken."""
    tables, clients = set(protected("first_")), account.stack.clients
    parameters = {"TopicName": topic(), "Stage": "prod", "TableNamePrefix": "first_"}
    buckets = {each["Name"] for each in clients.s3.list_buckets()["Buckets"]}
    remove("first")
    with pytest.raises(LocalError):
        account.deploy("first", {**parameters, "SchemaRegistry": "http://127.0.0.1:1"})
    (failed,) = clients.cloudformation.describe_stacks(StackName="first")["Stacks"]
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    assert tables & set(clients.dynamodb.list_tables()["TableNames"]) == set()
    left = {each["Name"] for each in clients.s3.list_buckets()["Buckets"]} - buckets
    assert [each for each in left if each.startswith("first-")] == []

    account.delete("first")
    made = account.deploy("first", parameters)
    assert {made.outputs["UserFeatureStoreName"], made.outputs["AccountFeatureStoreName"]} == tables


def test_own_tables__can_be_read_as_existing_ones_by_the_step_of_the_guide(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    protected: Callable[[str], tuple[str, str]],
) -> None:
    """With the former mappings deleted by hand, prod's own tables stay with their streams and are read on."""
    name, (users, accounts) = topic(), protected("moved_")
    parameters = {"TopicName": name, "Stage": "prod"}
    remove("moved")
    made = account.deploy("moved", {**parameters, "TableNamePrefix": "moved_"})
    streams = [made.outputs["UserFeatureStoreStreamArn"], made.outputs["AccountFeatureStoreStreamArn"]]
    former = {each["UUID"] for each in account.read_mappings(made).values()}
    for mapping in former:
        account.stack.clients.functions.delete_event_source_mapping(UUID=mapping)

    account.deploy("moved", {**parameters, "StreamArns": ",".join(streams)})
    mappings = account.read_mappings(made)
    assert set(mappings) == set(streams)
    assert former & {each["UUID"] for each in mappings.values()} == set()
    for table, key in ((users, "bright_uid"), (accounts, "account_pid")):
        account.put(table, key, table)
    assert {event.key.decode() for event in wait_for_topic(account.stack.kafka, name, 2)} == {users, accounts}


def test_table_with_a_key_of_its_own__is_read(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """Its writes give events, and both functions may use its key through DynamoDB."""
    name, kms = topic(), account.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ((table, stream),) = account.make_tables(1).items()
    account.stack.clients.dynamodb.update_table(
        TableName=table, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    )
    remove("own-key")
    made = account.deploy("own-key", {"TopicName": name, "StreamArns": stream, "TableKmsKeyArns": key})
    account.put(table, "device_id", "encrypted")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"encrypted"]
    for role in ("RoleArn", "RedriveRoleArn"):
        statement = account.read_statements(made.outputs[role])["TableKeys"]
        assert statement["Resource"] in (key, [key])
        assert statement["Condition"]["StringEquals"]["kms:ViaService"][0] == f"dynamodb.{REGION}.amazonaws.com"


@pytest.fixture
def limit_size(account: Account) -> Callable[[str, int], None]:
    """Sets the largest batch that a topic takes, in bytes."""
    admin = AdminClient({"bootstrap.servers": account.stack.kafka})

    def limit(topic: str, size: int) -> None:
        entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(WAIT)

    return limit


def test_redrive__sends_what_still_stands(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    limit_size: Callable[[str, int], None],
) -> None:
    """What the topic refused is sent once the topic takes it, unless its item was written since."""
    name = topic()
    ((table, stream),) = account.make_tables(1).items()
    remove("redrive")
    made = account.deploy("redrive", {"TopicName": name, "StreamArns": stream, "KafkaCompression": "none"})
    bucket, prefix = made.outputs["FailureBucketName"], f"dead-letters/{table}/"
    large = [f"feature_{number}" for number in range(200)]
    limit_size(name, 1000)
    for entity in ("same", "written-since"):
        account.put(table, "device_id", entity, large)
    refused = wait_until(lambda: account.read_keys(bucket, prefix), 2)
    account.put(table, "device_id", "written-since")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"written-since"]
    limit_size(name, 1_000_000)

    request = {"prefix": prefix}
    looked = account.redrive("redrive", **request, dry_run=True)
    assert (looked["deliverable"], looked["stale"], looked["moved"]) == (1, 1, 0)
    assert account.read_keys(bucket, prefix) == refused

    report = account.redrive("redrive", **request)
    assert report["complete"] is True
    assert (report["records"], report["delivered"], report["stale"], report["moved"]) == (2, 1, 1, 1)
    (stale,) = account.read_keys(bucket, prefix)
    assert [(each["object"], each["end"]) for each in report["examples"]] == [(stale, "stale")]
    assert account.read_keys(bucket, "redriven/") == {f"redriven/{key}" for key in refused - {stale}}
    events = read_topic(account.stack.kafka, name)
    assert [event.key for event in events] == [b"written-since", b"same"]
    assert len(events[1].value) > 1000

    forced = account.redrive("redrive", keys=[stale], force=True)
    assert (forced["delivered"], forced["moved"]) == (1, 1)
    assert account.read_keys(bucket, prefix) == set()
    assert [event.key for event in read_topic(account.stack.kafka, name)][2:] == [b"written-since"]


def test_find_deployment__finds_only_what_is_deployed(account: Account) -> None:
    """`make redrive` on a stack without the application says how to deploy it."""
    with pytest.raises(LocalError, match="make up"):
        deployment.find_deployment(account.stack, "absent")


def test_one_stream_in_prod__leaves_its_failures(account: Account) -> None:
    """In prod the failure bucket outlives the stack, and a stream of another team is left as it was."""
    ((table, stream),) = account.make_tables(1).items()
    made = account.deploy("one-stream", PINNED | {"StreamArns": stream, "Stage": "prod", "KafkaAuth": "tls"})
    assert list(account.read_mappings(made)) == [stream]
    assert account.read_function(made.function)["Environment"]["Variables"]["KAFKA_AUTH"] == "tls"
    bucket = made.outputs["FailureBucketName"]
    account.delete("one-stream")
    assert account.stack.clients.s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert account.stack.clients.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"


SETS: Mapping[str, tuple[Parameters, set[str]]] = {
    "authenticate-scram": (PINNED | {"KafkaAuth": "scram", "KafkaSecretArn": SECRET}, {"Secrets"}),
    "authenticate-iam": (PINNED | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER}, {"KafkaCluster", "KafkaTopic"}),
    "authenticate-mtls": (
        PINNED | {"KafkaAuth": "mtls", "KafkaSecretArn": SECRET, "KafkaCaSecretArn": CA_SECRET},
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
ALWAYS = {"Log", "ReadStreams", "ListStreams", "PutFailures", "OnFailureBucket"}
ALWAYS_TO_REDRIVE = {"Log", "ListFailures", "TakeFailures", "PutRedriven", "ReadItems"}


def check(account: Account, made: Deployment, parameters: Parameters, statements: set[str]) -> None:
    """Both functions have these settings, their roles these statements, and every alarm somebody to tell."""
    expected = {variable: parameters[parameter] for parameter, variable in VARIABLES.items() if parameter in parameters}
    for function in (made.function, made.outputs["RedriveFunctionName"]):
        variables = account.read_function(function)["Environment"]["Variables"]
        assert {variable: variables[variable] for variable in expected} == expected
    assert set(account.read_statements(made.outputs["RoleArn"])) == ALWAYS | statements
    redrive = account.read_statements(made.outputs["RedriveRoleArn"])
    assert set(redrive) == ALWAYS_TO_REDRIVE | statements
    assert redrive["ReadItems"]["Resource"] == parameters["StreamArns"].partition("/stream/")[0]
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
    assert [(group["retentionInDays"], group["kmsKeyId"]) for group in groups] == [(7, EVERYTHING["KmsKeyArn"])] * 3


@pytest.fixture
def schema(account: Account) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Adds a field to the schema in what was built, and takes it out again afterwards."""
    built = [
        account.stack.directory / "build" / function / SCHEMA
        for function in ("FeatureEventsFunction", "RedriveFunction", "RegistrationFunction")
    ]
    shipped: dict[Path, str] = {}

    def add(field: dict[str, Any]) -> None:
        for file in built:
            changed = json.loads(shipped.setdefault(file, file.read_text()))
            changed["fields"].append(field)
            file.write_text(json.dumps(changed))

    yield add
    for file, text in shipped.items():
        file.write_text(text)


def test_registration__follows_the_schema(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None], schema: Callable[[dict[str, Any]], None]
) -> None:
    """A compatible change of the schema is registered by the next deployment; an incompatible one fails it."""
    name = topic()
    remove("registration")
    versions = f"{account.stack.registry}/subjects/{name}-value/versions"
    (stream,) = account.make_tables(1).values()
    parameters = {"TopicName": name, "StreamArns": stream}
    first = account.deploy("registration", parameters)
    assert read_json(versions) == [1]

    schema({"name": "note", "type": "string", "default": ""})
    second = account.deploy("registration", parameters)
    assert read_json(versions) == [1, 2]
    assert second.outputs["RegisteredSchemaId"] != first.outputs["RegisteredSchemaId"]
    variables = account.read_function(second.function)["Environment"]["Variables"]
    assert variables["SCHEMA_ID"] == second.outputs["RegisteredSchemaId"]

    schema({"name": "must", "type": "string"})
    with pytest.raises(
        LocalError, match=r"SchemaRegistration \(Custom::SchemaRegistration\) UPDATE_FAILED: the registry refuses"
    ):
        account.deploy("registration", parameters)
    events = account.stack.clients.cloudformation.describe_stack_events(StackName="registration")["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"]]
    assert [reason for reason in reasons if "incompatible" in reason] != []
    assert read_json(versions) == [1, 2]
