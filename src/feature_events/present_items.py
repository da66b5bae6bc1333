"""Compares a record with the item as its table has it now.

A stream record holds the whole item that the write left. Where the table has another one today, it was written since,
and that write has its own record: to announce the older one now would be to announce what is no longer there.
"""

import base64
import binascii
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from feature_events.change import Change, Item
from feature_events.failure_store import CLIENT, to_error

type Attribute = Any
"""An attribute in DynamoDB's JSON, or a part of one."""

_STALE = {
    "ResourceNotFoundException": "its table is no longer there",
    "ValidationException": "its key is none of the table's",
}


class PresentItems:
    """The tables that the records came from."""

    def __init__(self) -> None:
        self._dynamodb = boto3.client("dynamodb", config=CLIENT)

    def find_staleness(self, change: Change) -> str | None:
        """Why this change is no longer what its table has; None where it is.

        Raises:
            Misconfigured: the table may not be read.
            Undelivered: DynamoDB did not answer.

        """
        table = change.stream_arn.partition("/stream/")[0]
        try:
            answer = self._dynamodb.get_item(TableName=table, Key=_to_request(change.keys), ConsistentRead=True)
        except (ParamValidationError, binascii.Error):
            return _STALE["ValidationException"]
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code in _STALE:
                return _STALE[code]
            raise to_error(error, f"dynamodb:GetItem on {table}") from None
        item = answer.get("Item")
        if item is None:
            return "its item was deleted since"
        return None if _to_comparable(item) == _to_comparable(change.new_image) else "its item was written since"


def _to_request(keys: Item) -> dict[str, Attribute]:
    """A record's keys as a request has them: binary is base64 in a record, and bytes here."""
    return {
        name: {"B": base64.b64decode(value["B"], validate=True)} if type(value) is dict and "B" in value else value
        for name, value in keys.items()
    }


def _to_comparable(value: Attribute) -> Attribute:
    """The same for equal items: bytes as the record's base64, sets in one order."""
    if type(value) is bytes:
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _to_comparable(part) for name, part in value.items()}
    if isinstance(value, list):
        parts = [_to_comparable(part) for part in value]
        # Members of a list are attributes, so objects; only members of a set are text
        return sorted(parts) if all(type(part) is str for part in parts) else parts
    return value
