"""Compare a change with its table's current item.

An older event after a newer one would announce features that no longer exist, so stale records are sent only if the
request forces them. A stream record contains the whole item after its write. If the table's item differs, it was
written again, and that write has a record of its own.
"""

from typing import cast

from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.layouts.features import read_features
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts
from feature_events.records.change import Change, Item
from feature_events.settings.settings import FeaturesMode
from feature_events.tables.comparison import are_equal
from feature_events.tables.table import Tables


def find_staleness(change: Change, tables: Tables, layouts: TableLayouts, mode: FeaturesMode) -> str | None:
    """Return why this change is stale, or None if its item is still current.

    Raises:
        Misconfigured: the role is not allowed to read the table.
        Undelivered: DynamoDB did not respond.

    """
    item = tables.get_item(change)
    if item is None:
        return "its item no longer exists"
    is_current = are_equal(item, change.new_image) if mode == "all" else _has_features(item, change, layouts)
    return None if is_current else "its item was written again"


def _has_features(item: Item, change: Change, layouts: TableLayouts) -> bool:
    """Return whether the item still has the features of the change's event, with the same values.

    A later write that did not change any of them has no event that names them.
    """
    # Its message was made, so it has a layout and features
    entity = cast("EntityFeatures", read_entity_features(change, layouts, "changed"))
    chosen = cast("ChosenLayout", layouts.choose(change))
    then = read_features(change.new_image, chosen) or {}
    try:
        now = read_features(item, chosen) or {}
    except PoisonRecord:
        return False
    return all(name in now and are_equal(now[name], then[name]) for name in entity.features)
