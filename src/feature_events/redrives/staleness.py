"""Says whether a table still has what a change left in it.

An old event behind a newer one would announce what is no longer there, so what is stale is sent only when forced.
"""

from typing import Protocol, cast

from feature_events.encoder import Encoded, Encoder
from feature_events.errors import PoisonRecord
from feature_events.layouts.features import read_features
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts
from feature_events.records.change import Change, Item
from feature_events.tables.comparison import are_equal


class Tables(Protocol):
    """What a run needs of the tables; `current_items.CurrentItems` is the one in DynamoDB."""

    def find_item(self, change: Change) -> Item | None:
        """See `current_items.CurrentItems.find_item`."""
        ...


def find_staleness(encoded: Encoded, tables: Tables, encoder: Encoder) -> str | None:
    """Why this change is stale; None where its table still has what it left.

    Raises:
        Misconfigured: the function is not allowed to read the table.
        Undelivered: DynamoDB did not answer.

    """
    change = encoded.change
    item = tables.find_item(change)
    if item is None:
        return "its item is no longer there"
    if encoder.features_mode == "all":
        is_current = are_equal(item, change.new_image)
    else:
        is_current = _has_features(item, encoded, encoder.layouts)
    return None if is_current else "its item was written since"


def _has_features(item: Item, encoded: Encoded, layouts: TableLayouts) -> bool:
    """Whether the item still has the features that the change's event names, with their values.

    A later write that left them as they were has announced none of them.
    """
    change = encoded.change
    chosen = cast("ChosenLayout", layouts.choose(change))  # it was encoded, so it has a layout
    then = read_features(change.new_image, chosen) or {}
    try:
        now = read_features(item, chosen) or {}
    except PoisonRecord:
        return False
    return all(name in now and are_equal(now[name], then[name]) for name in encoded.entity.features)
