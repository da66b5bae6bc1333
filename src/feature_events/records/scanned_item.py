"""Makes a Change of an item that a scan read: as if it had just been inserted.

Behind this, nothing needs to know whether an item came from a stream or from its table.
"""

import base64
from collections.abc import Sequence

from feature_events.records.change import Change, Item
from feature_events.records.stream import Stream

_INSERTED = {"eventName": "INSERT", "dynamodb": {}}


def to_change(item: Item, table_arn: str, key_names: Sequence[str], as_of_ms: int) -> Change:
    """The change that an item stands for.

    Args:
        item: as boto3 gives it, with bytes where a record has base64.
        table_arn: of its table.
        key_names: of its table's key attributes.
        as_of_ms: what its time is where it has none of its own, in milliseconds since the epoch.

    """
    keys = {name: _to_key(item[name]) for name in key_names}
    return Change(Stream(table_arn, table_arn), "", "", keys, {**item, **keys}, as_of_ms, _INSERTED)


def _to_key(value: Item) -> Item:
    """A key as a record has it: binary is base64 there."""
    return {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value
