"""The preflight check's look at the tables: which layout each gets, and where it cannot be known what is expected."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from moto import mock_aws

from feature_events.errors import FeatureEventsError, Misconfigured
from feature_events.layouts.probe import to_layout_probes
from feature_events.settings import read_settings
from tests.support.web_server import Answer, run_scripted_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.literals import StreamViewTypeType

LAYOUTS = [
    {"table": "users", "keys": {"{entity_type}": "{entity_id}", "category": "{resource_name}"}, "features": "data"},
    {"table": "app", "keys": {"pk": "USER#{entity_id}", "sk": "{resource_name}"}, "entity_type": "user"}
    | {"features": "data"},
    {"table": "app", "keys": {"pk": "SHOP#{entity_id}", "sk": "{resource_name}"}, "entity_type": "shop"}
    | {"features": "data"},
]
EXPECTED = (
    "layout 1 is for tables users with the keys {entity_type} and category; layout 2 is for tables app with the keys"
)
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/app/stream/2026-01-01T00:00:00.000"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    """An account without tables."""
    with mock_aws():
        yield boto3.client("dynamodb")


def make_table(
    dynamodb: "DynamoDBClient", name: str, keys: tuple[str, ...], view: "StreamViewTypeType" = "NEW_AND_OLD_IMAGES"
) -> str:
    """A table with these keys; the ARN of its stream."""
    kinds: Mapping[int, Literal["HASH", "RANGE"]] = {0: "HASH", 1: "RANGE"}
    made = dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kinds[number]} for number, key in enumerate(keys)],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return made["TableDescription"]["LatestStreamArn"]


def find(*streams: str, **settings: str) -> dict[str, str]:
    """What the probe of each stream finds, by its name; of one that raises, the error's kind and text."""
    environ: dict[str, Any] = {"KAFKA_BROKER_URL": "b-1:9092", "SCHEMA_ID": "7", "TABLE_LAYOUTS": json.dumps(LAYOUTS)}
    found = {}
    for probe in to_layout_probes(read_settings({**environ, "STREAM_ARNS": ",".join(streams), **settings})):
        try:
            found[probe.name] = probe.find()
        except FeatureEventsError as error:
            found[probe.name] = f"{type(error).__name__}: {error}"
    return found


def test_probes__say_which_layouts_each_table_gets(dynamodb: "DynamoDBClient") -> None:
    """Each stream's table is described: its layouts by their numbers, its keys, and the stream's view type."""
    users = make_table(dynamodb, "users", ("user_id", "category"), "NEW_IMAGE")
    app = make_table(dynamodb, "app", ("pk", "sk"))
    assert find(users, app) == {
        "layout of users": "gets layout 1 (tables users with the keys {entity_type} and category); "
        "its keys are user_id and category, its stream's view type is NEW_IMAGE",
        "layout of app": "gets layout 2 (tables app with the keys pk and sk) and "
        "layout 3 (tables app with the keys pk and sk); "
        "its keys are pk and sk, its stream's view type is NEW_AND_OLD_IMAGES",
    }


def test_probes__say_what_the_first_record_would(dynamodb: "DynamoDBClient") -> None:
    """A table that no layout fits is an error which names both sides."""
    stream = make_table(dynamodb, "app", ("id",))
    (text,) = find(stream).values()
    assert text.startswith("Misconfigured: no layout fits the table app with the key attributes id: add one")
    assert EXPECTED in text


@pytest.mark.parametrize(
    ("view", "mode", "expected"),
    [
        ("KEYS_ONLY", "all", "has view type KEYS_ONLY, which carries no new images: set StreamViewType"),
        ("OLD_IMAGE", "all", "has view type OLD_IMAGE, which carries no new images: set StreamViewType"),
        ("NEW_IMAGE", "changed", "FEATURES_MODE is changed, which needs the old image"),
        ("NEW_AND_OLD_IMAGES", "changed", "gets layout 2"),
    ],
)
def test_probes__compare_the_view_type_with_what_is_needed(
    dynamodb: "DynamoDBClient", view: "StreamViewTypeType", mode: str, expected: str
) -> None:
    """New images are always needed, and old ones where only changed features are named."""
    (text,) = find(make_table(dynamodb, "app", ("pk", "sk"), view), FEATURES_MODE=mode).values()
    assert expected in text
    assert text.startswith("Misconfigured: ") is not expected.startswith("gets")


def test_probes__find_a_table_that_is_not_there(dynamodb: "DynamoDBClient") -> None:
    """A table that was deleted is an error, since nothing will come of its stream."""
    assert dynamodb.list_tables()["TableNames"] == []
    assert find(STREAM) == {
        "layout of app": "Misconfigured: the table app does not exist: name streams of tables that do in STREAM_ARNS"
    }


def test_probes__find_a_stream_that_gets_no_more_writes(dynamodb: "DynamoDBClient") -> None:
    """Turned off it is an error; replaced it is one unless the new stream is read too, as it is while both are."""
    stream = make_table(dynamodb, "app", ("pk", "sk"))
    former = stream.replace("/stream/20", "/stream/19")
    (text,) = find(former).values()
    assert text == f"Misconfigured: the table app has another stream now: name {stream} in STREAM_ARNS"
    assert [text.partition(" ")[0] for text in find(former, stream).values()] == ["gets"]
    dynamodb.update_table(TableName="app", StreamSpecification={"StreamEnabled": False})
    (text,) = find(stream).values()
    assert text == "Misconfigured: the table app has no stream: turn it on, and name it in STREAM_ARNS"


def test_probes__are_content_where_the_table_is_not_theirs_to_describe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline describes no table, so a refusal is no error: it says why, and what the layouts want."""
    with run_scripted_server() as server:
        server.script = [Answer.of(400, {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"})]
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        (text,) = find(STREAM).values()
    assert text.startswith("the table app cannot be described (AccessDeniedException): grant the function's role dynam")
    assert EXPECTED in text


def test_probes__are_content_where_no_network_path_leads_to_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a VPC without an endpoint nothing answers: after a while the probe says so, and what the layouts want."""
    monkeypatch.setattr("feature_events.layouts.probe._DESCRIBE_SECONDS", 1.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    (text,) = find(STREAM).values()
    assert text.startswith(
        "the table app cannot be described (no answer within 1 s): check the network path to dynamodb"
    )
    assert EXPECTED in text


def test_probes__say_what_is_expected_where_no_stream_is_known() -> None:
    """Without STREAM_ARNS there is one probe, which has nothing to find wrong."""
    ((name, text),) = find().items()
    assert name == "table layouts"
    assert text.startswith(f"no table was looked at: STREAM_ARNS is empty; {EXPECTED}")
    assert Misconfigured.__name__ not in text
