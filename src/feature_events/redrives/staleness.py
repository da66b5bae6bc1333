"""Find out whether a record is stale: its table contains another item now.

A stale record's event after a newer one would announce features that no longer exist.
"""

from feature_events.encoder import Encoded, Encoder
from feature_events.layouts.features import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Item
from feature_events.tables.comparison import are_equal
from feature_events.tables.table import Tables


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
    if item is None:
        return "its item no longer exists"
    if encoder.features_mode == "all":
        is_current = are_equal(item, encoded.change.new_image)
    else:
        is_current = _has_features(item, encoded, encoder.layouts)
    return None if is_current else "its item has changed since"


def _has_features(item: Item, encoded: Encoded, layouts: TableLayouts) -> bool:
    """Return whether the item still has the features that the event names, with the same values.

    A later write that did not change any of them has no event that names them.
    """
    features = encoded.entity.features
    compared = encoded.change._replace(kind="MODIFY", old_image=item)  # the order of the two items does not matter
    changes = read_feature_changes(compared, features, layouts)
    return changes is not None and set(changes.changed).isdisjoint(features)
