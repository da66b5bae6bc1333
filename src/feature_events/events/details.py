"""Says what a schema may ask for, by name, beyond the nine fields of an event.

It is apart from the event, so that events under a schema that asks for nothing of it cost nothing more.
"""

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.layouts.feature_changes import read_feature_changes
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change

_OF_IMAGES = frozenset({"changed_features", "removed_features"})


class EventDetails(NamedTuple):
    """How a change came about; the fields' names are those that a schema asks by. None is what is not known."""

    change: str | None
    """`INSERT` or `MODIFY`; None of a backfilled event, whose item may have been written in any number of steps."""
    table: str
    """Its name alone: where an event came from as a whole, the ARN, is the header `ce_source`."""
    sequence_number: str | None
    """The change's place in the stream, a string of digits; None of a backfilled event."""
    stream_time: int | None
    """When the stream saw the change, in milliseconds since the epoch; None where the record does not say."""
    changed_features: tuple[str, ...] | None
    """See `FeatureChanges`; None where the stream carries no old images."""
    removed_features: tuple[str, ...] | None
    backfill: bool
    """Whether a backfill announces the item."""


ALWAYS_KNOWN = frozenset({"table", "backfill"})
"""The details that are never None."""


def to_details(change: Change, entity: EntityFeatures, layouts: TableLayouts, asked: AbstractSet[str]) -> EventDetails:
    """The details of an event from a stream.

    Args:
        change: what the event is of.
        entity: what its item means.
        layouts: what its item meant before.
        asked: the details that are wanted. Images are compared only for those that need it.

    """
    changes = read_feature_changes(change, entity.features, layouts) if asked & _OF_IMAGES else None
    return EventDetails(
        "INSERT" if change.is_insert else "MODIFY",
        to_table_name(change.stream.table_arn),
        change.sequence_number,
        change.created_ms,
        changes and changes.changed,
        changes and changes.removed,
        backfill=False,
    )
