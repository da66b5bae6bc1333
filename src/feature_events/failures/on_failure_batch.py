"""Read on-failure batches: the objects that Lambda writes when a batch's records are too old to retry.

AWS does not document the whole format. This module supports the format seen on AWS and the one in AWS's guide.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import re
from collections.abc import Sequence
from typing import Any

from feature_events.records.stream_record import StreamRecord
from feature_events.syntax import InvalidJson, parse_json

ON_FAILURE_PREFIX = "aws/lambda/"
"""The prefix of the keys of on-failure batches."""

_BATCH_PARTS = {
    "batchSize": r"\d{1,6}",
    "startSequenceNumber": r"\d{1,40}",
    "endSequenceNumber": r"\d{1,40}",
    "shardId": r"shardId-[0-9a-f-]{1,60}",
    "streamArn": r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]+/stream/[0-9T:.-]+",
}
"""The fields that describe a batch, in the order in which the message names them, and the form of each value."""


def read_records(body: bytes) -> Sequence[StreamRecord]:
    """Return the records in an on-failure batch, in stream order.

    Raises:
        ValueError: the body contains no records.

    """
    try:
        payload: Any = parse_json(body)["payload"]
        # An object on AWS, a string in AWS's guide
        records = (parse_json(payload) if type(payload) is str else payload)["Records"]
    except (InvalidJson, KeyError, TypeError):
        raise ValueError("no records") from None
    if type(records) is not list:
        raise ValueError("records are not a list")
    return records


def find_obstacle(body: bytes) -> str:
    """Return why an object contains no records, without repeating any payload."""
    try:
        document = parse_json(body)
        information = document["DDBStreamBatchInfo"]
    except (InvalidJson, KeyError, TypeError):
        return "neither a dead letter nor an on-failure batch"
    if document.get("payload") is not None:
        return "on-failure batch whose payload contains no records"
    parts = [_read_part(information, name, form) for name, form in _BATCH_PARTS.items()]
    number, first, last, shard, stream = parts
    return (
        f"on-failure batch without its payload: it only names its {number} records, {first} to {last} of shard {shard} "
        f"of {stream}; write their items again, then delete this object"
    )


def _read_part(information: Any, name: str, form: str) -> str:  # noqa: ANN401  # JSON
    value = information.get(name) if type(information) is dict else None
    text = str(value) if type(value) in (str, int) else ""
    return text if re.fullmatch(form, text) else "(unknown)"
