"""Read the streams of all tables in Lambda's form: `python -m tests.writers.stream_records FILE`.

Lambda's records differ from those of GetRecords: binary values are base64 text, the time is in seconds, and each record
names its stream (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html). The local stack's event ids have hyphens,
but DynamoDB's do not.
"""

import base64
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3

type Json = dict[str, Any]


def read_records() -> list[Json]:
    """Return the records of all streams in the order of the writes. Sequence numbers increase across tables here."""
    client: Any = boto3.client("dynamodbstreams")
    arns = [stream["StreamArn"] for stream in client.list_streams()["Streams"]]
    records = [to_lambda_record(record, arn) for arn in arns for record in _read_stream(client, arn)]
    return sorted(records, key=lambda record: int(record["dynamodb"]["SequenceNumber"]))


def to_lambda_record(record: Json, stream_arn: str) -> Json:
    """Convert a record of GetRecords to Lambda's form."""
    return {
        "eventID": record["eventID"].replace("-", ""),
        "eventName": record["eventName"],
        "eventVersion": record["eventVersion"],
        "eventSource": record["eventSource"],
        "awsRegion": record["awsRegion"],
        "dynamodb": _to_json(record["dynamodb"]),
        "eventSourceARN": stream_arn,
    }


def _read_stream(client: Any, arn: str) -> Iterator[Json]:  # noqa: ANN401 -- the type stubs of this service are not installed
    for shard in client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(**place)["ShardIterator"]
        yield from client.get_records(ShardIterator=iterator)["Records"]


def _to_json(value: Any) -> Any:  # noqa: ANN401 -- any value in a record
    if isinstance(value, dict):
        return {name: _to_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_to_json(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value


def main() -> None:
    """Write the records to the file that the first argument names, one per line."""
    lines = (json.dumps(record, separators=(",", ":")) for record in read_records())
    Path(sys.argv[1]).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
