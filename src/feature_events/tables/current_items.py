"""Reads items as their tables have them now, to compare them with what a record says.

A stream record holds the whole item that its write left. Where the table has another one today, it was written since,
and that write has a record of its own.
"""

import base64
from functools import partial
from typing import Any

from botocore.exceptions import ParamValidationError

from feature_events.aws.clients import ask_or_none, make_tables_client
from feature_events.aws.errors import Action
from feature_events.records.change import Change, Item

# There is no such table, or its keys are others
_ABSENT = ("ResourceNotFoundException", "ValidationException")


class CurrentItems:
    """The tables that the records came from."""

    def __init__(self) -> None:
        self._dynamodb = make_tables_client()

    def find_item(self, change: Change) -> Item | None:
        """The item of this change's keys as it is now; None where there is none.

        Raises:
            Misconfigured: the function is not allowed to read the table.
            Undelivered: DynamoDB did not answer.

        """
        table = change.table_arn
        action = Action("dynamodb:GetItem", f"the table {table} cannot be read")
        return ask_or_none(partial(self._get, table, change.keys), action, _ABSENT)

    def _get(self, table: str, keys: Item) -> Item | None:
        try:
            answer = self._dynamodb.get_item(TableName=table, Key=_to_request(keys), ConsistentRead=True)
        except (ParamValidationError, ValueError, TypeError):
            return None  # a key that no table has
        return answer.get("Item")


def _to_request(keys: Item) -> dict[str, Any]:
    """A record's keys as a request has them: binary is base64 in a record, and bytes here."""
    return {
        name: {"B": base64.b64decode(value["B"], validate=True)} if "B" in value else value
        for name, value in keys.items()
    }
