"""The form of an on-failure batch: the object that Lambda makes of a batch when its records are too old to retry.

The form is Lambda's, and nobody documents all of it: this is what it was seen to write and what its guide has.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import re
from collections.abc import Sequence
from typing import Any

from feature_events.json_text import InvalidJson, parse_json
from feature_events.records.stream_record import StreamRecord

ON_FAILURE_PREFIX = "aws/lambda/"
"""Where Lambda puts on-failure batches."""

_BATCH_PARTS = {
    "batchSize": r"\d{1,6}",
    "startSequenceNumber": r"\d{1,40}",
    "endSequenceNumber": r"\d{1,40}",
    "shardId": r"shardId-[0-9a-f-]{1,60}",
    "streamArn": r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]+/stream/[0-9T:.-]+",
}
"""What Lambda says of a batch, in the order in which the obstacle names it, and the form that each part has."""


def read_records(body: bytes) -> Sequence[StreamRecord]:
    """The records in an on-failure batch's body, in stream order.

    Raises:
        ValueError: it holds none.

    """
    try:
        payload: Any = parse_json(body)["payload"]
        # An object where AWS was watched, and a text in its guide
        records = (parse_json(payload) if type(payload) is str else payload)["Records"]
    except (InvalidJson, KeyError, TypeError):
        raise ValueError("it holds no records") from None
    if type(records) is not list:
        raise ValueError("its records are no list")
    return records


def find_obstacle(body: bytes) -> str:
    """Why an object holds no records; of what it holds only names of records are repeated, never their payload."""
    try:
        document = parse_json(body)
        information = document["DDBStreamBatchInfo"]
    except (InvalidJson, KeyError, TypeError):
        return "it is neither a dead letter nor an on-failure batch"
    if document.get("payload") is not None:
        return "it is an on-failure batch whose payload holds no records"
    parts = [_read_part(information, name, form) for name, form in _BATCH_PARTS.items()]
    number, first, last, shard, stream = parts
    return (
        f"it is an on-failure batch without its payload: it only names its {number} records, {first} to {last} of "
        f"shard {shard} of {stream}; write their items again, then delete it"
    )


def _read_part(information: Any, name: str, form: str) -> str:  # noqa: ANN401  # JSON
    value = information.get(name) if type(information) is dict else None
    text = str(value) if type(value) in (str, int) else ""
    return text if re.fullmatch(form, text) else "(unknown)"
