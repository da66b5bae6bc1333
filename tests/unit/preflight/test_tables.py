"""The preflight check reports which layouts fit each table."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest
from moto import mock_aws

from feature_events.errors import FeatureEventsError
from feature_events.preflight.tables import make_table_checks
from feature_events.settings.settings import read_settings
from tests.support.web_server import Answer, run_scripted_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.literals import StreamViewTypeType
    from mypy_boto3_dynamodb.type_defs import StreamSpecificationTypeDef

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/app"
IMAGES: Literal["NEW_AND_OLD_IMAGES"] = "NEW_AND_OLD_IMAGES"
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


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    """Create an account without tables."""
    with mock_aws():
        yield boto3.client("dynamodb")


def make_table(
    dynamodb: "DynamoDBClient", name: str, keys: tuple[str, ...], view: "StreamViewTypeType | None" = IMAGES
) -> None:
    """Create a table with these keys and a stream with this view type; without a stream if it is None."""
    kinds: Mapping[int, Literal["HASH", "RANGE"]] = {0: "HASH", 1: "RANGE"}
    stream: StreamSpecificationTypeDef = {"StreamEnabled": False}
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kinds[number]} for number, key in enumerate(keys)],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view} if view else stream,
    )


def run(tables: object = None, **settings: str) -> dict[str, str]:
    """Run the checks; return the result of each by its name, or the type and text of its error."""
    environ: dict[str, Any] = {"KAFKA_BROKER_URL": "b-1:9092", "SCHEMA_ID": "7", "TABLE_LAYOUTS": json.dumps(LAYOUTS)}
    found = {}
    for check in make_table_checks(read_settings({**environ, **settings}), tables):
        try:
            outcome = check.run()
            found[check.name] = outcome if isinstance(outcome, str) else f"Warned: {outcome.detail}"
        except FeatureEventsError as error:
            found[check.name] = f"{type(error).__name__}: {error}"
    return found


def test_make_table_checks__report_the_layouts_of_each_table(dynamodb: "DynamoDBClient") -> None:
    """The report contains the layouts' numbers, the table's keys and the stream's view type."""
    make_table(dynamodb, "users", ("user_id", "category"), "NEW_IMAGE")
    make_table(dynamodb, "app", ("pk", "sk"))
    assert run(["users", "app"]) == {
        "layout of users": "uses layout 1 (tables users with the keys {entity_type} and category); "
        "its keys are user_id and category, its stream's view type is NEW_IMAGE; it contains no items",
        "layout of app": "uses layout 2 (tables app with the keys pk and sk) and "
        "layout 3 (tables app with the keys pk and sk); "
        "its keys are pk and sk, its stream's view type is NEW_AND_OLD_IMAGES; it contains no items",
    }


def test_make_table_checks__default_to_the_own_tables(dynamodb: "DynamoDBClient") -> None:
    """Tables in the event replace those in OWN_TABLES."""
    make_table(dynamodb, "users", ("user_id", "category"))
    make_table(dynamodb, "app", ("pk", "sk"))
    assert list(run(OWN_TABLES="users,app")) == ["layout of users", "layout of app"]
    assert list(run(["app"], OWN_TABLES="users")) == ["layout of app"]


@pytest.mark.parametrize(
    "tables",
    [
        "app",
        "",
        1,
        True,
        [],
        {},
        {"app": "app"},
        [1],
        [None],
        ["app", 1],
        [["app"]],
        ["us"],
        ["a b"],
        ["app,users"],
        [ARN],
    ],
)
def test_make_table_checks__refuse_anything_but_a_list_of_table_names(tables: object) -> None:
    """An invalid list is one failed check, even if there are own tables."""
    assert run(tables, OWN_TABLES="users") == {
        "table layouts": 'Misconfigured: "tables" in the event must be a list of table names, such as ["orders"]'
    }


def test_make_table_checks__fail_if_no_layout_fits(dynamodb: "DynamoDBClient") -> None:
    """The error is that of the first record: it names the table, its keys and the layouts."""
    make_table(dynamodb, "app", ("id",))
    (text,) = run(["app"]).values()
    assert text.startswith("Misconfigured: no layout fits the table app with the key attributes id: add one")
    assert EXPECTED in text


@pytest.mark.parametrize(
    ("view", "mode", "expected"),
    [
        ("KEYS_ONLY", "all", "has view type KEYS_ONLY, which contains no new images: set StreamViewType"),
        ("OLD_IMAGE", "all", "has view type OLD_IMAGE, which contains no new images: set StreamViewType"),
        ("NEW_IMAGE", "changed", "FeaturesMode (FEATURES_MODE) is changed, which needs the old image"),
        (None, "all", "the table app has no stream: enable it with view type NEW_AND_OLD_IMAGES"),
        ("NEW_AND_OLD_IMAGES", "changed", "uses layout 2"),
    ],
)
def test_make_table_checks__require_the_images_that_events_need(
    dynamodb: "DynamoDBClient", view: "StreamViewTypeType | None", mode: str, expected: str
) -> None:
    """New images are always required, and old images in mode `changed`."""
    make_table(dynamodb, "app", ("pk", "sk"), view)
    (text,) = run(["app"], FEATURES_MODE=mode).values()
    assert expected in text
    assert text.startswith("Misconfigured: ") is not expected.startswith("uses")


@pytest.mark.parametrize(
    ("view", "removals", "is_noted"),
    [("NEW_IMAGE", "events", True), ("NEW_AND_OLD_IMAGES", "events", False), ("NEW_IMAGE", "none", False)],
)
def test_make_table_checks__note_removals_without_old_images(
    dynamodb: "DynamoDBClient",
    view: "StreamViewTypeType",
    removals: str,
    is_noted: bool,  # noqa: FBT001  # a parameter
) -> None:
    """The check passes, and says that removals of items without features are announced too."""
    make_table(dynamodb, "app", ("pk", "sk"), view)
    (text,) = run(["app"], REMOVALS=removals).values()
    assert text.startswith("uses layout 2")
    assert ("Removals=events also announces the removal of items that never had features" in text) is is_noted


def test_make_table_checks__fail_if_removals_lack_the_attributes_of_a_layout(dynamodb: "DynamoDBClient") -> None:
    """A layout with attributes needs the old image of a deleted item. The error is that of the first removal."""
    make_table(dynamodb, "app", ("pk", "sk"), "NEW_IMAGE")
    by_kind = {**LAYOUTS[1], "attributes": {"cls": "Features"}}
    (text,) = run(["app"], REMOVALS="events", TABLE_LAYOUTS=json.dumps([LAYOUTS[0], by_kind])).values()
    assert text.startswith(
        "Misconfigured: Removals (REMOVALS) is events, which needs StreamViewType NEW_AND_OLD_IMAGES"
    )
    assert "for layout 2" in text


def test_make_table_checks__fail_if_the_table_does_not_exist(dynamodb: "DynamoDBClient") -> None:
    """A misspelled or deleted table is an error."""
    assert dynamodb.list_tables()["TableNames"] == []
    assert run(["app"]) == {
        "layout of app": "Misconfigured: the table app does not exist in this account and region: check its name"
    }


@pytest.mark.parametrize(
    ("code", "own_tables", "remedy"),
    [
        ("AccessDeniedException", "", "set TableArns to a list that covers the table"),
        ("AccessDeniedException", "users", "set TableArns to a list that covers the table"),
        ("AccessDeniedException", "users,app", "grant the function's role dynamodb:DescribeTable on this resource"),
        ("UnrecognizedClientException", "", "check that the function's role exists"),
        ("ValidationException", "users", "check the table and its keys"),
    ],
)
def test_make_table_checks__fail_if_the_table_cannot_be_described(
    monkeypatch: pytest.MonkeyPatch, code: str, own_tables: str, remedy: str
) -> None:
    """The remedy for missing access is TableArns, except for own tables."""
    with run_scripted_server() as server:
        server.script = [Answer.of(400, {"__type": f"com.amazon.coral.service#{code}", "Message": "no"})]
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        (text,) = run(["app"], OWN_TABLES=own_tables).values()
    assert text.startswith(f"Misconfigured: the table app cannot be described ({code}): {remedy}")
    assert text.count("TableArns") == remedy.count("TableArns")


def test_make_table_checks__pass_without_a_network_path_to_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing does not describe tables, so a VPC without an endpoint is not an error."""
    monkeypatch.setattr("feature_events.preflight.tables._DESCRIBE_SECONDS", 1.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    (text,) = run(["app"]).values()
    assert text.startswith(
        "the table app cannot be described (no response within 1 s): check the network path to dynamodb"
    )
    assert EXPECTED in text


def test_make_table_checks__describe_the_layouts_if_no_table_is_named() -> None:
    """The only check then passes, and says how to name tables."""
    ((name, text),) = run().items()
    assert name == "table layouts"
    hint = 'name tables in the event to check them, as in {"check": true, "tables": ["orders"]}'
    assert text.startswith(f"no table checked: {hint}; {EXPECTED}")
