"""`make layout TABLE=...` reads a few items of a table, writes nothing, and reports errors in one line."""

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from rich.console import Console

from local.commands.layout import LAYOUTS, try_layouts
from local.errors import LocalError
from local.trials.item_records import to_record
from local.trials.table_items import read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
NOWHERE = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove the AWS variables from the environment, and the session from boto3."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return monkeypatch


@pytest.fixture
def dynamodb(shell: pytest.MonkeyPatch) -> Iterator["DynamoDBClient"]:
    """Create an account in memory with the table `app`."""
    for name, value in CREDENTIALS.items():
        shell.setenv(name, value)
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="app",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        yield client


def put(dynamodb: "DynamoDBClient", pk: str, sk: str, **others: Any) -> None:  # noqa: ANN401  # DynamoDB's JSON
    """Write one item."""
    dynamodb.put_item(TableName="app", Item={"pk": {"S": pk}, "sk": {"S": sk}, **others})


def test_items__are_printed_as_events(dynamodb: "DynamoDBClient") -> None:
    """Each item has the row of its insertion, with names and ids but no values of attributes."""
    features = {"M": {"sum_7d": {"N": "98765"}, "blob": {"B": b"secret"}}}
    put(dynamodb, "USER#u-1", "FEATURES#spending", features=features, updated_at={"S": "2025-10-10T12:34:56.789Z"})
    put(dynamodb, "USER#u-1", "ORDER#1", note={"S": "confidential"})
    put(dynamodb, "USER#u-2", "FEATURES#spending", features={"M": {"sum_7d": {"N": "1"}}})
    console = Console(file=io.StringIO(), width=150)
    assert try_layouts(console, LAYOUTS, "all", ("app", 25)) == 0
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    rows = sorted(line.split()[1:] for line in shown.splitlines()[1:4])
    assert rows[0] == ["-", "skipped:", "other_item"]
    assert rows[1][:6] == ["2", "user", "u-1", "spending", "sum_7d,", "blob"]
    assert rows[1][6:] == ["2025-10-10T12:34:56.789Z", "-"]
    assert rows[2][:5] == ["2", "user", "u-2", "spending", "sum_7d"]
    assert rows[2][5].endswith("*")
    assert not any(value in shown for value in ("98765", "c2VjcmV0", "secret", "confidential"))


def test_items__are_only_read(dynamodb: "DynamoDBClient", shell: pytest.MonkeyPatch) -> None:
    """The only requests are one DescribeTable and one Scan with the given limit."""
    for number in range(5):
        put(dynamodb, f"USER#{number}", "ORDER#1")
    requests: list[tuple[str, dict[str, Any]]] = []
    send = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request

    def note(client: object, operation: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401  # the response
        requests.append((operation, parameters))
        return send(client, operation, parameters)

    shell.setattr(botocore.client.BaseClient, "_make_api_call", note)
    assert len(read_items("app", 3)) == 3
    assert requests == [("DescribeTable", {"TableName": "app"}), ("Scan", {"TableName": "app", "Limit": 3})]


def test_to_record__has_the_form_of_a_stream_record() -> None:
    """Bytes are base64 at any depth, and the keys are also separate from the image."""
    item = {"id": {"B": b"\x00"}, "n": {"N": "1"}, "m": {"M": {"l": {"L": [{"BS": [b"\xff"]}]}}}}
    image = {"id": {"B": "AA=="}, "n": {"N": "1"}, "m": {"M": {"l": {"L": [{"BS": ["/w=="]}]}}}}
    record = to_record(item, ["id"], "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/x", 7, 1760099697)
    assert record == {
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": 1760099697,
            "Keys": {"id": {"B": "AA=="}},
            "NewImage": image,
            "SequenceNumber": "7",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/x",
    }


@pytest.mark.usefixtures("dynamodb")
@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("app", "the table app has no items"),
        (
            "other",
            "the table other cannot be read: ResourceNotFoundException: it does not exist in this account and region",
        ),
        ("!", "the table ! cannot be read: "),
    ],
)
def test_table__without_items_is_an_error(table: str, error: str) -> None:
    """The error says that the name is wrong or that the table is empty, in one line."""
    with pytest.raises(LocalError) as raised:
        read_items(table, 25)
    assert str(raised.value).startswith(error)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        (
            ("AWS_REGION",),
            "no AWS credentials: set AWS_PROFILE, or authenticate as for the AWS CLI",
        ),
        (("AWS_DEFAULT_REGION",), "no AWS credentials: set AWS_PROFILE, or authenticate as for the AWS CLI"),
        ((), "no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with a region"),
    ],
)
def test_environment__without_an_account_is_an_error(
    variables: tuple[str, ...], error: str, shell: pytest.MonkeyPatch
) -> None:
    """The error says what to set if there are no credentials or no region."""
    for name in variables:
        shell.setenv(name, CREDENTIALS[name])
    with pytest.raises(LocalError) as raised:
        read_items("app", 25)
    assert str(raised.value) == error


def test_environment__with_an_unknown_profile_is_an_error(shell: pytest.MonkeyPatch) -> None:
    """The error names the profile."""
    shell.setenv("AWS_PROFILE", "team-x")
    with pytest.raises(LocalError, match=r"^the table app cannot be read: .*team-x"):
        read_items("app", 25)


DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "User: arn:... no"}}, "Scan")
EXPIRED = ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "The token is expired"}}, "DescribeTable")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")


@pytest.mark.parametrize(
    ("raised_by_aws", "error"),
    [
        (DENIED, "AccessDeniedException: the caller needs dynamodb:DescribeTable and dynamodb:Scan on it"),
        (EXPIRED, "ExpiredTokenException: The token is expired"),
        (UNREACHABLE, 'Could not connect to the endpoint URL: "https://dynamodb.eu-west-1.amazonaws.com"'),
    ],
)
@pytest.mark.usefixtures("dynamodb")
def test_error_of_aws__is_reported_in_one_line(raised_by_aws: Exception, error: str, shell: pytest.MonkeyPatch) -> None:
    """The error contains the remedy if it is known, else AWS's own text."""

    def fail(*_: object) -> None:
        raise raised_by_aws

    shell.setattr(botocore.client.BaseClient, "_make_api_call", fail)
    with pytest.raises(LocalError) as raised:
        read_items("app", 25)
    assert str(raised.value) == f"the table app cannot be read: {error}"
