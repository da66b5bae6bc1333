"""Reduce events to entries of 53 bytes: hashes of the item and of what the event says, and the event's position.

Entries of one item sort by the state rule, because their first 45 bytes are the item and the position. The last entry
of an item is its current event.

| bytes | content |
|---|---|
| 8 | hash of the item |
| 37 | position: message timestamp (8), ce_sequence plus one (17), partition (4), offset (8) |
| 4 | hash of what the event says, without the timestamp |
| 4 | hash of the timestamp |
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

from feature_events.aws.arn import to_table_name
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.layouts.fitted_layout import FittedLayout
from feature_events.layouts.table_layout import FixedNames
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.topic.event import Position, TopicEvent

ITEM_BYTES, POSITION_BYTES, CONTENT_BYTES = 8, 37, 8
ENTRY_BYTES = ITEM_BYTES + POSITION_BYTES + CONTENT_BYTES

_HALF_BYTES = 4
_CONTENTS_CACHED = 4096

type Unit = Literal["item", "feature"]
"""The unit of the state rule: an item, or a feature if the layout writes the features' names."""


def find_unit(fitted: FittedLayout) -> Unit:
    """Return the unit of a layout."""
    return "feature" if isinstance(fitted.layout.features, FixedNames) else "item"


def find_units(layouts: TableLayouts, table_arn: str, key_names: Sequence[str]) -> list[Unit]:
    """Return the units of the layouts that fit a table."""
    return sorted({find_unit(fitted) for fitted in layouts.fit_table(to_table_name(table_arn), key_names)})


def hash_item(event: FeatureAvailabilityEvent, unit: Unit) -> bytes:
    """Return the hash of the item, or of the features of an item, that an event is about."""
    features = sorted(event.features) if unit == "feature" else None
    return _hash((event.entity_type, event.entity_id, event.resource_name, features), ITEM_BYTES)


def hash_content(event: FeatureAvailabilityEvent, mode: FeaturesMode) -> bytes:
    """Return the hashes of what an event says, and of its timestamp.

    Args:
        event: the event.
        mode: with `changed`, an event lists only some of its item's features, so they are not compared.

    """
    features = event.features if mode == "all" else None
    return _hash_statement(event.event_type, event.compute_id, features) + _hash(event.timestamp, _HALF_BYTES)


def says_the_same(one: bytes, other: bytes, *, with_time: bool) -> bool:
    """Return whether two contents are equal, with or without the timestamp."""
    return one == other if with_time else one[:_HALF_BYTES] == other[:_HALF_BYTES]


def to_entries(found: TopicEvent, mode: FeaturesMode, units: Collection[Unit]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of an event, one for each unit, divided into the item and the rest."""
    rest = _pack(found.position) + hash_content(found.event, mode)
    for unit in units:
        yield hash_item(found.event, unit), rest


def _pack(position: Position) -> bytes:
    """Return a position as bytes that sort in its order."""
    return b"".join(
        (
            max(position.timestamp_ms, 0).to_bytes(8),
            (position.sequence + 1).to_bytes(17),  # it has at most 40 digits
            position.partition.to_bytes(4),
            position.offset.to_bytes(8),
        )
    )


@lru_cache(_CONTENTS_CACHED)  # most events of a table say the same
def _hash_statement(event_type: str, compute_id: str, features: tuple[str, ...] | None) -> bytes:
    return _hash((event_type, compute_id, None if features is None else sorted(features)), _HALF_BYTES)


def _hash(value: object, size: int) -> bytes:
    return blake2b(repr(value).encode(), digest_size=size).digest()
