"""Try layouts on records with the function's own code."""

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
    """The result of one record."""

    result: FeatureAvailabilityEvent | Skipped | FeatureEventsError
    layout: int | None
    """The number of the record's layout, counted from 1; None if no layout matches."""
    has_own_time: bool = True
    """True if the event's time is the item's, False if it is the change's."""


class Trials:
    """Tries one record after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        layouts = TableLayouts(settings.table_layouts)
        self._encoder = Encoder(layouts, settings.features_mode, b"", Codec(SHIPPED_SCHEMA), settings.removals)

    def run(self, record: Record) -> Trial:
        """Return the event of a record, the reason to skip it, or the error."""
        layout = None
        try:
            change = read_change(record, skips_removes=self._settings.removals == "none")
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
