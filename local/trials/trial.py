"""Try layouts on records with the function's own code."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from feature_events.encoder import Encoder
from feature_events.epoch import read_iso
from feature_events.errors import FeatureEventsError
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.entity_features import Removal
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, Skipped, read_change
from feature_events.settings.settings import Settings
from local.trials.item_records import Record
from local.trials.layout_remarks import find_constants, find_hidden, find_unused_exclusions
from local.trials.reasons import Remark, check_time, explain_skip

_REMOVE = Remark("remove", "remove: the item was deleted; REMOVALS=events shows the event of a removal")


class Trial(NamedTuple):
    """The result of one record."""

    result: FeatureAvailabilityEvent | Skipped | FeatureEventsError
    layout: int | None
    """The number of the record's layout, counted from 1; None if no layout matches."""
    has_own_time: bool = True
    """True if the event's time is the item's, False if it is the change's."""
    removal: Removal | None = None
    remark: Remark | None = None
    names: tuple[str, ...] = ()
    """The attributes of the item."""
    key_names: tuple[str, ...] = ()


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
                return Trial(change, None, remark=_REMOVE if change is Skipped.REMOVE else None)
            chosen = self._encoder.layouts.choose(change)
            layout = chosen and chosen[0].number
            names, key_names = tuple(change.new_image or change.old_image or ()), tuple(change.keys)
            encoded = self._encoder.encode(change)
            if isinstance(encoded, Skipped):
                remark = explain_skip(change, encoded, self._encoder.layouts)
                return Trial(encoded, layout, remark=remark, names=names, key_names=key_names)
        except FeatureEventsError as error:
            return Trial(error, layout)
        removal, updated_at = encoded.entity.removal, read_iso(encoded.entity.updated_at)
        has_own_time = bool(updated_at) or removal is not None
        remark = check_time(change, chosen, updated_at) if chosen and removal is None else None
        return Trial(encoded.event, layout, has_own_time, removal, remark, names, key_names)


def find_remarks(trials: Sequence[Trial], settings: Settings) -> Iterator[str]:
    """Yield what a layout's author should know: about records, with their numbers, and about layouts."""
    numbers: dict[str, list[int]] = {}
    texts: dict[str, str] = {}
    for number, trial in enumerate(trials, 1):
        if trial.remark is not None:
            numbers.setdefault(trial.remark.kind, []).append(number)
            texts.setdefault(trial.remark.kind, trial.remark.text)
    for kind, text in texts.items():
        yield f"{format_records(numbers[kind])}: {text}"
    yield from find_hidden(settings.table_layouts)
    for number, layout in enumerate(settings.table_layouts, 1):
        own = [trial for trial in trials if trial.layout == number]
        names = {name: name in trial.key_names for trial in own for name in trial.names}
        yield from find_constants(layout, number, names)
        yield from find_unused_exclusions(layout, number, names)


def format_records(numbers: Sequence[int]) -> str:
    """Return the numbers of records, with ranges for consecutive ones: `records 1, 3-5`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return f"record{'s' if len(numbers) > 1 else ''} {', '.join('-'.join(map(str, each)) for each in ranges)}"
