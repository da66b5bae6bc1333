"""Own and existing tables are created, attached, detached and retained."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from local.application.deployment import Deployment
from local.environment import REGION
from local.errors import LocalError
from local.paths import ROOT
from tests.docs.test_runbook import TABLE_COMMAND, needs_jq
from tests.support.topics import read_topic, wait_for_topic
from tests.support.web_client import read_json
from tests.template.deployment.account import Account, assert_deleted, to_table_arn

OWN = {"user_feature_store": "bright_uid", "account_feature_store": "account_pid"}
"""The partition key of each own table, by the table's name without prefix."""
ALARMS_OF_A_TABLE = ["not invoked", "not read", "on-failure deliveries", "only skipped", "record age"]


class Application(NamedTuple):
    """An application with its own tables, and three existing tables that can be attached."""

    account: Account
    deployed: Deployment
    topic: str
    streams: dict[str, str]
    """The ARN of each existing table's stream by the table's name. The first table has a customer managed key."""
    key: str

    @property
    def name(self) -> str:
        """The name of the application's stack."""
        return self.deployed.name

    def write(self, feature: str, *tables: str) -> None:
        """Write an item with this feature to each of these tables. The entity has the name of the table."""
        for table in tables:
            self.account.put(table, "device_id", table, [feature])

    def read_entities(self, number: int) -> list[str]:
        """Wait until the topic contains this many events, and return their entities."""
        return sorted(event.key.decode() for event in wait_for_topic(self.account.stack.kafka, self.topic, number))


@pytest.fixture(scope="module")
def application(account: Account, topic: Callable[..., str]) -> Iterator[Application]:
    """Deploy the application without attachments."""
    name, key = topic(), account.client("kms").create_key()["KeyMetadata"]["Arn"]
    streams = account.make_tables(3)
    encryption: Any = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    account.stack.clients.dynamodb.update_table(TableName=next(iter(streams)), SSESpecification=encryption)
    parameters = {
        "TopicName": name,
        "OwnTables": "true",
        "TableNamePrefix": "own_",
        "TableArns": ",".join(map(to_table_arn, streams.values())),
        "TableKmsKeyArns": key,
    }
    yield Application(account, account.deploy("tables", parameters), name, streams, key)
    account.delete("tables")
    account.delete_tables("own_")


def test_tables__produce_events_while_they_are_attached(application: Application) -> None:
    """An attached table starts with the oldest record of its stream. A detached table produces no more events."""
    account, streams = application.account, application.streams
    own = {f"own_{table}": key for table, key in OWN.items()}
    for table, key in own.items():
        account.put(table, key, table)
    application.write("battery", *streams)  # before anything is attached
    assert application.read_entities(2) == sorted(own)
    stacks = {}
    for number, (table, stream) in enumerate(streams.items(), start=3):
        stacks[table] = account.attach(application.name, stream)
        assert application.read_entities(number) == sorted([*own, *list(streams)[: number - 2]])
    mappings = account.read_mappings(application.deployed)
    assert set(streams.values()) < set(mappings)
    assert len(mappings) == len(own) + len(streams)

    detached, *others = streams
    account.delete_stack(stacks[detached])
    assert set(mappings) - set(account.read_mappings(application.deployed)) == {streams[detached]}
    assert find_alarms(application, detached) == []
    assert {table: find_alarms(application, table) for table in others} == dict.fromkeys(others, ALARMS_OF_A_TABLE)
    application.write("signal", *others)
    # Once these are read, MiniStack has finished the reads of the detached table that began before the detachment
    assert application.read_entities(7) == sorted([*own, *streams, *others])
    application.write("voltage", detached, *others)
    assert application.read_entities(9) == sorted([*own, *streams, *others, *others])
    assert read_stream(account, detached) == streams[detached]
    assert read_schema_ids(application) == {application.deployed.outputs["RegisteredSchemaId"]}


def read_schema_ids(application: Application) -> set[str]:
    """Return the schema ids of all events in the topic."""
    events = read_topic(application.account.stack.kafka, application.topic)
    return {str(int.from_bytes(event.value[1:5])) for event in events}


def find_alarms(application: Application, table: str) -> list[str]:
    """Return the names of an attached table's alarms, without those of the application and the table."""
    found = application.account.alarms.describe_alarms(AlarmNamePrefix=f"{application.name} ")["MetricAlarms"]
    names = [alarm["AlarmName"] for alarm in found if alarm["AlarmName"].endswith(f" {table}")]
    return sorted(name.removeprefix(f"{application.name} ").rsplit(maxsplit=2)[0] for name in names)


def test_check__covers_own_tables_or_those_in_the_event(application: Application) -> None:
    """A missing table fails its check and the report."""
    own = application.account.check(application.name)
    assert own["ok"] is True
    assert find_tables(own) == {f"own_{table}": True for table in OWN}
    named = application.account.check(application.name, *application.streams)
    assert named["ok"] is True
    assert find_tables(named) == dict.fromkeys(application.streams, True)
    mistaken = application.account.check(application.name, *application.streams, "absent")
    assert mistaken["ok"] is False
    assert find_tables(mistaken) == {**dict.fromkeys(application.streams, True), "absent": False}
    assert application.account.calls.take_denied() == [format_denied("absent")]


def format_denied(table: str) -> str:
    """Make the message about the check of a table that TableArns does not contain."""
    return f"tables is denied dynamodb:DescribeTable on arn:aws:dynamodb:{REGION}:000000000000:table/{table}"


def find_tables(report: Any) -> dict[str, bool]:  # noqa: ANN401 -- JSON
    """Return the result of each table's check."""
    layouts = "layout of "
    checks = [each for each in report["checks"] if each["name"].startswith(layouts)]
    return {each["name"].removeprefix(layouts): each["ok"] for each in checks}


@needs_jq
@pytest.mark.parametrize(("tables", "status"), [((), 0), (("absent",), 1)])
def test_runbook_command__prints_the_preflight_check(
    application: Application, tables: tuple[str, ...], status: int
) -> None:
    """It prints one line for each check. Its exit status is 1 if a check failed."""
    event = f" --event '{json.dumps({'check': True, 'tables': tables})}'" if tables else ""
    place = f"--stack-name {application.name} --region {REGION}{event}"
    command = TABLE_COMMAND.replace("--config-env prod", place)
    done = subprocess.run(  # noqa: S603  # the documentation's own command
        ["sh", "-c", command],  # noqa: S607
        env=application.account.make_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    *lines, last = done.stdout.splitlines()
    assert last == json.dumps(not status)
    names = tables or tuple(f"own_{table}" for table in OWN)
    outcome = "FAILED" if status else "ok"
    assert [line.split()[:4] for line in lines if "layout of" in line] == [[outcome, "layout", "of", n] for n in names]
    assert application.account.calls.take_denied() == [format_denied(table) for table in tables]


def test_roles__can_use_table_keys_through_dynamodb(application: Application) -> None:
    """The role of each function that reads tables allows use of their key, but only through DynamoDB."""
    for role in ("RoleArn", "RedriveRoleArn", "BackfillRoleArn"):
        statement = application.account.read_statements(application.deployed.outputs[role])["TableKeys"]
        assert statement["Resource"] == [application.key]
        assert statement["Condition"]["StringEquals"]["kms:ViaService"][0] == f"dynamodb.{REGION}.amazonaws.com"


def test_attachment__fails_if_the_application_is_unknown(application: Application) -> None:
    """The error names the missing export."""
    account, stream = application.account, next(iter(application.streams.values()))
    before = account.read_mappings(application.deployed)
    with pytest.raises(LocalError, match=r"(?s)^misspelled-.*\bmisspelled-FunctionArn\b.* not found"):
        account.attach("misspelled", stream)
    assert account.read_mappings(application.deployed) == before
    account.delete_attachments("misspelled")


def test_application__cannot_be_deleted_while_a_table_is_attached(application: Application) -> None:
    """CloudFormation does not delete a stack whose exports are imported."""
    account = application.account
    (stream,) = account.make_tables(1).values()
    attached = account.attach(application.name, stream)
    with pytest.raises(ClientError, match=f"is imported by stack {application.name}-"):
        account.delete_stack(application.name)
    account.delete_stack(attached)
    assert account.read_function(application.deployed.function)["State"] == "Active"


def test_table_without_a_layout__produces_events_once_its_layout_is_deployed(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None]
) -> None:
    """The check reports the table without a layout. Its records wait in the stream until a layout is deployed."""
    name = topic()
    ((table, stream),) = account.make_tables(1, ("pk", "sk")).items()
    parameters = {"TopicName": name, "TableArns": to_table_arn(stream)}
    remove("another-layout")
    account.deploy_with("another-layout", [stream], parameters)
    account.stack.clients.tables.Table(table).put_item(
        Item={"pk": "USER#u-1", "sk": "FEATURES#spending", "features": {"age": 34}}
    )
    without = read_check(account, "another-layout", table)
    assert not without["ok"]
    assert without["detail"].startswith(f"no layout fits the table {table} with the key attributes pk and sk: add one")

    layout = {"keys": {"pk": "USER#{entity_id}", "sk": "FEATURES#{resource_name}"}, "entity_type": "user"}
    account.deploy("another-layout", parameters | {"TableLayouts": json.dumps([{**layout, "features": "features"}])})
    found = read_check(account, "another-layout", table)
    assert found["ok"], found
    assert found["detail"].startswith("uses layout 1 (tables {} with the keys pk and sk)")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"u-1"]


def read_check(account: Account, stack: str, table: str) -> dict[str, Any]:
    """Run the preflight check of this table, and return its result."""
    (found,) = [each for each in account.check(stack, table)["checks"] if each["name"] == f"layout of {table}"]
    return dict(found)


@pytest.fixture
def own_tables(account: Account) -> Iterator[Callable[[str], set[str]]]:
    """Return a function that returns the names of own tables with a prefix. They are deleted after the test."""
    prefixes: list[str] = []

    def name(prefix: str) -> set[str]:
        prefixes.append(prefix)
        return {f"{prefix}{table}" for table in OWN}

    yield name
    for prefix in prefixes:
        account.delete_tables(prefix)


def test_first_deployment__can_be_repeated_after_a_failed_registration(
    account: Account,
    topic: Callable[..., str],
    own_tables: Callable[[str], set[str]],
    remove: Callable[[str], None],
) -> None:
    """A failed deployment leaves no table and no bucket, so their names are free."""
    tables, clients = own_tables("first_"), account.stack.clients
    parameters = {"TopicName": topic(), "OwnTables": "true", "TableNamePrefix": "first_"}
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


def test_own_tables__are_retained_and_can_be_attached(
    account: Account,
    topic: Callable[..., str],
    own_tables: Callable[[str], set[str]],
) -> None:
    """Tables, streams and failure bucket remain after the switch to OwnTables=false and after the stack's deletion."""
    tables, name, dynamodb = own_tables("kept_"), topic(), account.stack.clients.dynamodb
    parameters = {"TopicName": name, "TableNamePrefix": "kept_"}
    made = account.deploy("kept", {**parameters, "OwnTables": "true"})
    former = account.read_mappings(made)
    assert len(former) == len(tables)
    arn = to_table_arn(next(iter(former))).rpartition("/")[0]

    made = account.deploy("kept", {**parameters, "TableArns": f"{arn}/kept_*", "LogLevel": "DEBUG"})
    assert account.read_mappings(made) == {}
    variables = account.read_function(made.function)["Environment"]["Variables"]
    assert (variables["POWERTOOLS_LOG_LEVEL"], variables["OWN_TABLES"]) == ("DEBUG", "")
    assert {read_stream(account, table) for table in tables} == set(former)
    for stream in former:
        account.attach("kept", stream)
    for table, key in OWN.items():
        account.put(f"kept_{table}", key, table)
    assert {event.key.decode() for event in wait_for_topic(account.stack.kafka, name, 2)} == set(OWN)

    account.delete("kept")
    assert_deleted(account, "kept")
    assert tables <= set(dynamodb.list_tables()["TableNames"])
    bucket = account.stack.clients.s3.head_bucket(Bucket=made.outputs["FailureBucketName"])
    assert bucket["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert read_json(f"{account.stack.registry}/subjects/{name}-value/versions") == [1]


def read_stream(account: Account, table: str) -> str:
    """Return the ARN of a table's stream."""
    return account.stack.clients.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
