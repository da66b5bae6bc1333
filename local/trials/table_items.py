"""Read a few items of a real table, and convert each to the record of its insertion.

Credentials and region are the caller's, as with the AWS CLI. Only the table's description and one page of a scan are
read. This is the only local code that connects to a real account, and only if a table is named.
"""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from local.errors import LocalError
from local.trials.item_records import Record, to_record, to_stream_arn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONFIG = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=20)

_REMEDIES = {
    "ResourceNotFoundException": "it does not exist in this account and region: check AWS_PROFILE and AWS_REGION",
    "AccessDeniedException": "the caller needs dynamodb:DescribeTable and dynamodb:Scan on it",
}
"""What to do, by the error's code."""


def read_items(table: str, limit: int) -> list[Record]:
    """Return the records of a table's first items in scan order.

    Raises:
        LocalError: the table cannot be read, or has no items.

    """
    try:
        region = os.environ.get("AWS_REGION") or None  # boto3 reads only AWS_DEFAULT_REGION
        client = boto3.client("dynamodb", region_name=region, config=_CONFIG)
        records = _scan(client, table, limit)
    except NoRegionError as error:
        raise LocalError("no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with a region") from error
    except NoCredentialsError as error:
        raise LocalError("no AWS credentials: set AWS_PROFILE, or authenticate as for the AWS CLI") from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        remedy = _REMEDIES.get(code, error.response.get("Error", {}).get("Message", "no reason given"))
        raise LocalError(f"the table {table} cannot be read: {code}: {remedy}") from error
    except BotoCoreError as error:
        text = " ".join(str(error).split())  # some have several lines
        raise LocalError(f"the table {table} cannot be read: {text}") from error
    if not records:
        raise LocalError(f"the table {table} has no items")
    return records


def _scan(client: "DynamoDBClient", table: str, limit: int) -> list[Record]:
    described = client.describe_table(TableName=table)["Table"]
    keys = [key["AttributeName"] for key in described["KeySchema"]]
    stream = described.get("LatestStreamArn") or to_stream_arn(table)
    items = client.scan(TableName=table, Limit=limit)["Items"]
    now = int(datetime.now(UTC).timestamp())
    return [to_record(item, keys, stream, number, now) for number, item in enumerate(items, 1)]
