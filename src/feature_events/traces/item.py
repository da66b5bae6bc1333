"""Find what the function would announce for an item now, and which events are about it."""

from typing import NamedTuple

from feature_events.encoder import Encoded, Encoder
from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.layouts.features import read_fixed_names
from feature_events.layouts.table_layouts import choose_layout, format_entity
from feature_events.records.change import Item, Skipped, read_scanned_item, to_record_keys
from feature_events.tables.table import Description


class Identity(NamedTuple):
    """The fields that all events about an item share, besides their table."""

    entity_type: str
    entity_id: str
    resource_name: str
    names: tuple[str, ...]
    """The features that the layout names, if it names them: with one feature per item, they identify the item."""

    def matches(self, event: FeatureAvailabilityEvent) -> bool:
        """Return whether an event of the table is about this item."""
        is_of_entity = (event.entity_type, event.entity_id, event.resource_name) == self[:3]
        return is_of_entity and (not self.names or sorted(event.features) == sorted(self.names))


class ItemState(NamedTuple):
    """An item as the function would announce it now."""

    identity: Identity | None
    """None if no layout matches the item."""
    event: FeatureAvailabilityEvent | None
    """None if the item produces no event. The event's id is that of no message."""
    obstacle: str
    """Why the item produces no event: `absent`, `poison` or the reason to skip it; else empty."""
    detail: str = ""
    """The reason for `poison`."""
    has_own_time: bool = False
    """True if the timestamp of the event is the item's own."""


ABSENT, POISON = "absent", "poison"


def read_state(item: Item | None, key: Item, table: Description, encoder: Encoder, now_ms: int) -> ItemState:
    """Return what the function would announce for an item.

    Args:
        item: the item as read, or None if it does not exist.
        key: its key.
        table: its table.
        encoder: the function's encoder.
        now_ms: the current time, in milliseconds since the epoch.

    Raises:
        Misconfigured: no layout fits the table.

    """
    fits = encoder.layouts.fit(table.arn, table.key_names).layouts
    # DynamoDB finds an item by any form of a number, and only the item has the form of its events
    own_key = key if item is None else {name: item[name] for name in table.key_names}
    # Without an item, a layout that needs its attributes cannot match
    chosen = choose_layout(fits, to_record_keys(own_key), item or {})
    if chosen is None:
        return ItemState(None, None, ABSENT if item is None else Skipped.OTHER_ITEM)
    identity = Identity(*format_entity(chosen), read_fixed_names(chosen))
    if item is None:
        return ItemState(identity, None, ABSENT)
    try:
        encoded = encoder.encode(read_scanned_item(item, table.arn, table.key_names, now_ms, ""))
    except PoisonRecord as poison:
        return ItemState(identity, None, POISON, str(poison))
    if not isinstance(encoded, Encoded):
        return ItemState(identity, None, encoded)
    return ItemState(identity, encoded.event, "", has_own_time=bool(encoded.entity.updated_at))
