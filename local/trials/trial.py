"""Tries layouts on one record: the event, skip or error that the function's own code gives, and by which layout.

Nothing of the language is repeated here, so what is shown is what the deployed function does.
"""

from typing import NamedTuple

from feature_events.encoder import Encoder
from feature_events.epoch import read_iso
from feature_events.errors import FeatureEventsError
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings.settings import Settings
from local.trials.records_file import Record


class Trial(NamedTuple):
    """What became of one record."""

    result: FeatureAvailabilityEvent | Skipped | FeatureEventsError
    layout: int | None
    """The place of the layout that took it, counted from 1; None where none did."""
    has_own_time: bool = True
    """Whether the event's time is the item's, and not that of the change."""


class Trials:
    """Tries one record after the other; what is known of their tables is kept as in the function."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        layouts = TableLayouts(settings.table_layouts)
        self._encoder = Encoder(layouts, settings.features_mode, b"", Codec(SHIPPED_SCHEMA))

    def run(self, record: Record) -> Trial:
        """What the function would make of this record."""
        layout = None
        try:
            change = read_change(record)
            if not isinstance(change, Change):
                return Trial(change, None)
            chosen = self._encoder.layouts.choose(change)
            layout = chosen and self._settings.table_layouts.index(chosen[0].layout) + 1
            encoded = self._encoder.encode(change)
        except FeatureEventsError as error:
            return Trial(error, layout)
        if isinstance(encoded, Skipped):
            return Trial(encoded, layout)
        return Trial(encoded.event, layout, bool(read_iso(encoded.entity.updated_at)))
