"""Tables, own and existing, and their streams: made, read, left and removed as the parameters say."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.application.deployment import APPLICATION
from local.environment import REGION
from local.errors import LocalError
from tests.support.topics import wait_for_topic
from tests.support.web_client import read_json
from tests.template.deployment.account import NO_REGISTRY, Account, read_gone


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

    report = account.check(APPLICATION)
    assert report["ok"] is True
    assert {f"layout of {table}" for table in tables} <= {each["name"] for each in report["checks"]}

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


def test_table_of_another_layout__is_read_once_its_layout_is_deployed(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The check names the table that no layout fits, its records wait, and with a layout their events come."""
    name = topic()
    ((table, stream),) = account.make_tables(1, ("pk", "sk")).items()
    parameters = {"TopicName": name, "StreamArns": stream}
    remove("another-layout")
    account.deploy("another-layout", parameters)
    account.stack.clients.tables.Table(table).put_item(
        Item={"pk": "USER#u-1", "sk": "FEATURES#spending", "features": {"age": 34}}
    )
    without = read_finding(account, "another-layout", f"layout of {table}")
    assert not without["ok"]
    assert without["detail"].startswith(f"no layout fits the table {table} with the key attributes pk and sk: add one")

    layout = {"keys": {"pk": "USER#{entity_id}", "sk": "FEATURES#{resource_name}"}, "entity_type": "user"}
    account.deploy("another-layout", parameters | {"TableLayouts": json.dumps([{**layout, "features": "features"}])})
    found = read_finding(account, "another-layout", f"layout of {table}")
    assert found["ok"], found
    assert found["detail"].startswith("gets layout 1 (tables {} with the keys pk and sk)")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"u-1"]


def read_finding(account: Account, stack: str, name: str) -> dict[str, Any]:
    """What one probe of the deployed function's check has found."""
    (finding,) = [each for each in account.check(stack)["checks"] if each["name"] == name]
    return dict(finding)


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


def test_one_stream_in_prod__leaves_its_failures(account: Account) -> None:
    """In prod the failure bucket outlives the stack, and a stream of another team is left as it was."""
    ((table, stream),) = account.make_tables(1).items()
    made = account.deploy("one-stream", NO_REGISTRY | {"StreamArns": stream, "Stage": "prod", "KafkaAuth": "tls"})
    assert list(account.read_mappings(made)) == [stream]
    assert account.read_function(made.function)["Environment"]["Variables"]["KAFKA_AUTH"] == "tls"
    bucket = made.outputs["FailureBucketName"]
    account.delete("one-stream")
    assert account.stack.clients.s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert account.stack.clients.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE"
