"""The preflight check reports what a few items of a table would produce, and nothing that is in them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from feature_events.preflight.check import Warned
from feature_events.preflight.items import MOST_ITEMS, check_items
from feature_events.tables.table import Description
from tests.support.layouts import to_layouts
from tests.support.web_server import Answer, run_scripted_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = Description(
    "arn:aws:dynamodb:us-east-1:123456789012:table/app", ("pk", "sk"), "NEW_IMAGE", {"pk": "S", "sk": "S"}
)
LAYOUT: dict[str, Any] = {
    "table": "app",
    "keys": {"pk": "USER#{entity_id}", "sk": "{resource_name}"},
    "entity_type": "user",
    "features": "data",
}
BY_KIND = LAYOUT | {"attributes": {"cls": "Features"}}
PERSON = "jane@example.com"
FEATURES = {"cls": {"S": "Features"}, "data": {"M": {PERSON: {"S": PERSON}}}}


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def dynamodb() -> Iterator["DynamoDBClient"]:
    """Create an account with the table `app`."""
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="app",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        yield client


def put(dynamodb: "DynamoDBClient", *items: dict[str, Any], pk: str = f"USER#{PERSON}") -> None:
    """Write items with these attributes."""
    for number, item in enumerate(items):
        dynamodb.put_item(TableName="app", Item={"pk": {"S": f"{pk}{number}"}, "sk": {"S": PERSON}} | item)


def run(*layouts: dict[str, Any]) -> str | Warned:
    """Return what the check of the table's items reports."""
    return check_items("app", TABLE, to_layouts(*(layouts or [LAYOUT])))


REMEDY = "; correct TableLayouts (TABLE_LAYOUTS), unless few items of this table have features"
OTHER = {"cls": {"S": PERSON}}
FOUR = [BY_KIND | {"attributes": {"cls": f"Kind{number}"}} for number in range(4)]


@pytest.mark.parametrize(
    ("layouts", "items", "expected"),
    [
        ([LAYOUT], [], "it contains no items"),
        ([LAYOUT], [FEATURES], "of 1 item, 1 would produce events"),
        (
            [BY_KIND],
            [FEATURES, FEATURES, {}, OTHER],
            (
                "of 4 items, 2 would produce events, "
                "1 skipped: other_item (layout 1: the attribute cls is missing), "
                "1 skipped: other_item (layout 1: the attribute cls does not match Features)"
            ),
        ),
        (
            [LAYOUT],
            [FEATURES, {"vals": {"M": {}}}, {"vals": {"M": {}}}],
            "of 3 items, 1 would produce events, 2 skipped: no_features (layout 1: the attribute data is missing)",
        ),
        (
            [LAYOUT],
            [OTHER],
            Warned(
                "of 1 item, 0 would produce events, "
                f"1 skipped: no_features (layout 1: the attribute data is missing){REMEDY}"
            ),
        ),
        (
            [LAYOUT],
            [FEATURES, {"data": {"S": PERSON}}],
            Warned("of 2 items, 1 would produce events, 1 dead-lettered: data: data is not a map"),
        ),
        (
            FOUR,
            [{}],
            Warned(
                "of 1 item, 0 would produce events, 1 skipped: other_item (layout 1: the attribute cls is missing; "
                "layout 2: the attribute cls is missing; layout 3: the attribute cls is missing; and 1 more layouts)"
                f"{REMEDY}"
            ),
        ),
    ],
)
def test_check_items__counts_and_explains(
    dynamodb: "DynamoDBClient",
    layouts: Sequence[dict[str, Any]],
    items: Sequence[dict[str, Any]],
    expected: str | Warned,
) -> None:
    """The report warns if no item would produce an event, or if any would be dead-lettered."""
    put(dynamodb, *items)
    assert sorted_parts(run(*layouts)) == sorted_parts(expected)


def sorted_parts(report: str | Warned) -> tuple[bool, list[str]]:
    """Return the parts of a report in any order, because a scan has none."""
    text = report if isinstance(report, str) else report.detail
    return isinstance(report, Warned), sorted(text.removesuffix(REMEDY).split(", ")) + [REMEDY] * text.endswith(REMEDY)


def test_check_items__repeats_nothing_of_an_item(dynamodb: "DynamoDBClient") -> None:
    """Keys, names and values of items can identify people, and the report is logged."""
    put(dynamodb, FEATURES, OTHER, {}, {PERSON: {"S": PERSON}}, {"cls": {"M": {PERSON: {"S": PERSON}}}})
    put(dynamodb, FEATURES, pk=PERSON)
    for layouts in ([LAYOUT], [BY_KIND], [LAYOUT | {"features": {"json": "cls"}}]):
        assert PERSON not in str(run(*layouts))


def test_check_items__reads_at_most_ten(dynamodb: "DynamoDBClient") -> None:
    """A check costs the same for a table of any size."""
    put(dynamodb, *[FEATURES] * (MOST_ITEMS + 5))
    assert run() == "of 10 items, 10 would produce events"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "AccessDeniedException",
            (
                "items not read, because the role is not granted dynamodb:Scan, which is optional: "
                "make layout TABLE=app shows what they would produce"
            ),
        ),
        ("ResourceNotFoundException", "items not read: the table cannot be scanned (ResourceNotFoundException): "),
        ("ValidationException", "items not read: the table cannot be scanned (ValidationException): "),
    ],
)
def test_check_items__passes_if_items_cannot_be_read(monkeypatch: pytest.MonkeyPatch, code: str, expected: str) -> None:
    """Publishing does not scan tables. The report says why, and what to do instead."""
    with run_scripted_server() as server:
        server.script = [Answer.of(400, {"__type": f"com.amazon.coral.service#{code}", "Message": PERSON})]
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        found = run()
    assert isinstance(found, str)
    assert found.startswith(expected)
    assert PERSON not in found


def test_check_items__passes_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow or unreachable DynamoDB does not use up the time of the check."""
    monkeypatch.setattr("feature_events.preflight.items._SCAN_SECONDS", 0.5)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    found = run()
    assert isinstance(found, str)
    assert found.startswith("items not read: the table cannot be scanned (no response within 0 s): check the network")
