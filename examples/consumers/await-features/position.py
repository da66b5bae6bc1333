"""The state rule: of two events about one item, the one with the newer position is current.

An item is identified by ce_source, entity_type, entity_id and resource_name. To keep the current state of all items,
store the position of each item's current event, and ignore an event whose position is not newer. This also ignores
duplicates and late events. If the table has one feature per item, or with FeaturesMode=changed, do this for each
feature. An event's own `timestamp` is the time according to the item, and does not order events.
"""

from typing import NamedTuple, Self


class Position(NamedTuple):
    """The position of an event among the events of its item.

    Values are compared in the order of the fields, so `max` and `sorted` follow the state rule too.
    """

    timestamp_ms: int
    """The timestamp of the Kafka message."""
    sequence: int
    """The header ce_sequence, a number of up to 40 digits. Without the header, -1."""
    offset: int
    """The offset of the Kafka message."""

    @classmethod
    def of(cls, timestamp_ms: int, ce_sequence: str | None, offset: int) -> Self:
        """Make a position from a message's timestamp, its header ce_sequence if it has one, and its offset."""
        return cls(timestamp_ms, -1 if ce_sequence is None else int(ce_sequence), offset)

    def is_newer_than(self, other: "Position") -> bool:
        """Return whether the event at this position wins over the other event of the same item."""
        return self > other
