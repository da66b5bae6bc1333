"""Finds which features a write changed and which it removed.

Only the item's two images tell that, and a stream need not carry the old one.
"""

from typing import NamedTuple, cast

from feature_events.errors import PoisonRecord
from feature_events.layouts.available_features import Features, read_features
from feature_events.layouts.table_layouts import ChosenLayout, TableLayouts
from feature_events.records.change import Change
from feature_events.records.comparison import are_equal


class FeatureChanges(NamedTuple):
    """What a write did to an item's features, by their names."""

    changed: tuple[str, ...]
    """Those whose stored value is another one or that are new, in the item's order."""
    removed: tuple[str, ...]
    """Those that are gone, in the old item's order."""


def read_feature_changes(change: Change, features: tuple[str, ...], layouts: TableLayouts) -> FeatureChanges | None:
    """What this change did to its item's features; None where its record carries no old image.

    Args:
        change: it has an event.
        features: those that the event names, which are all that an inserted item has.
        layouts: what the item means.

    """
    if change.is_insert:
        return FeatureChanges(features, ())
    if change.old_image is None:
        return None
    chosen = cast("ChosenLayout", layouts.choose(change))  # it has an event
    new = read_features(change.new_image, chosen) or {}
    try:
        old = read_features(change.old_image, chosen) or {}
    except PoisonRecord:
        old = {}  # the item was not of this layout before
    return FeatureChanges(find_changed(new, old), tuple([name for name in old if name not in new]))


def find_changed(new: Features, old: Features) -> tuple[str, ...]:
    """Return the features whose stored value is not what the old item has.

    Nearly all values are written as before, so only one that is written differently is compared part by part.
    """
    return tuple(
        [
            name
            for name, value in new.items()
            if name not in old or (value != old[name] and not are_equal(value, old[name]))
        ]
    )
