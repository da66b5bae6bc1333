"""Find out whether a record is stale: its table contains another item now.

A stale record's event after a newer one would announce features that no longer exist, or the removal of features that
exist again.
"""

from operator import attrgetter

from feature_events.encoder import Encoded, Encoder
from feature_events.errors import PoisonRecord
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.layouts.features import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Item
from feature_events.tables.comparison import are_equal
from feature_events.tables.table import Tables

_find_entity = attrgetter("entity_type", "entity_id", "resource_name")


def find_staleness(encoded: Encoded, tables: Tables, encoder: Encoder, seconds: float) -> str | None:
    """Return why a change is stale, or None if its item is still current.

    Args:
        encoded: the change.
        tables: reads the current item.
        encoder: encoded the change.
        seconds: the time limit of the read.

    Raises:
        Misconfigured: the role is not allowed to read the table.
        Undelivered: DynamoDB did not respond, or throttled the read.

    """
    item = tables.get_item(encoded.change, seconds)
    removal = encoded.entity.removal
    if removal is not None:
        again = "has features again" if removal == "emptied" else "exists again"
        return f"its item {again}" if item is not None and _has_any_features(item, encoded, encoder.layouts) else None
    if item is None:
        return "its item no longer exists"
    if encoder.features_mode == "all":
        is_current = are_equal(item, encoded.change.new_image)
    else:
        is_current = _has_same_feature(item, encoded, encoder.layouts)
    return None if is_current else "its item has changed since"


def _has_any_features(item: Item, encoded: Encoded, layouts: TableLayouts) -> bool:
    """Return whether the item has features of the same entity now.

    An unreadable item has none, since it produces no event. With a layout that reads the entity from an attribute, the
    item may belong to another entity now.
    """
    current = encoded.change._replace(kind=None, new_image=item, old_image=None)  # as if a backfill had scanned it
    try:
        found = read_entity_features(current, layouts, "all")
    except PoisonRecord:
        return False
    return isinstance(found, EntityFeatures) and _find_entity(found) == _find_entity(encoded.entity)


def _has_same_feature(item: Item, encoded: Encoded, layouts: TableLayouts) -> bool:
    """Return whether the item still has one of the features that the event names, with the same value.

    No later event names that feature, since no later write changed it. Later events about the other features win by
    their stream times.
    """
    features = encoded.entity.features
    compared = encoded.change._replace(kind="MODIFY", old_image=item)  # the order of the two items does not matter
    changes = read_feature_changes(compared, features, layouts)
    return changes is not None and not set(changes.changed).issuperset(features)
