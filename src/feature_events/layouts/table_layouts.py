"""Chooses the layout of an item: by its table's name and key attributes once per stream, then by its keys' values."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from feature_events.aws.arn import to_table_arn, to_table_name
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.fitted_layout import FittedLayout, Holes, PlainItem, fit_layout, to_plain
from feature_events.layouts.table_layout import TableLayout
from feature_events.records.change import Change, Item

_STREAMS_KEPT = 64  # one function serves a few tables
_MOST_KEYS = 2
_NOT_ITS_KEYS = "the record's key attributes are not its table's"


class Fit(NamedTuple):
    """What the items of one table can be."""

    plain: PlainItem | None
    """Where all of them are of the commonest kind."""
    layouts: tuple[FittedLayout, ...]


type ChosenLayout = tuple[FittedLayout, Holes]
"""The layout of one item, and what its holes caught."""


class TableLayouts:
    """The layouts that a function has, in their order."""

    def __init__(self, layouts: Sequence[TableLayout]) -> None:
        self._layouts = layouts
        self._fitted: set[str] = set()
        """ARNs of streams of which a record has had a layout."""
        self.fit = lru_cache(_STREAMS_KEPT)(self._fit)
        """`_fit`, once per stream; an error is not kept."""

    def choose(self, change: Change) -> ChosenLayout | None:
        """The layout of an item; see `choose_layout` and `_fit`."""
        return choose_layout(self.fit(change.source_arn, tuple(change.keys)).layouts, change.keys)

    def fit_table(self, table: str, key_names: Sequence[str]) -> tuple[FittedLayout, ...]:
        """The layouts for a table of this name with these key attributes.

        Raises:
            Misconfigured: there is none.

        """
        fitted = [fit_layout(layout, table, key_names) for layout in self._layouts]
        fits = tuple([each for each in fitted if each is not None])
        if not fits:
            raise Misconfigured(
                f"no layout fits the table {table} with the key attributes {' and '.join(sorted(key_names))}: add one "
                f"to TABLE_LAYOUTS, or correct these: {self.describe()}"
            )
        return fits

    def describe(self) -> str:
        """What the layouts want."""
        return "; ".join(f"layout {number} is for {layout}" for number, layout in enumerate(self._layouts, 1))

    def _fit(self, source_arn: str, key_names: tuple[str, ...]) -> Fit:
        """Return the layouts for the table of this ARN, or of this stream's ARN, with keys of these names.

        Raises:
            PoisonRecord: these are no keys that the table can have, or the stream is no table's.
            Misconfigured: there is no layout for the table.

        """
        if not 0 < len(key_names) <= _MOST_KEYS:
            raise PoisonRecord(_NOT_ITS_KEYS)
        table = to_table_name(to_table_arn(source_arn))
        if not table:
            raise PoisonRecord("eventSourceARN is not the ARN of a table's stream")
        try:
            layouts = self.fit_table(table, key_names)
        except Misconfigured:
            if source_arn in self._fitted:
                # A table's keys never change, and a new table of the same name has another stream
                raise PoisonRecord(_NOT_ITS_KEYS) from None
            raise
        if len(self._fitted) >= _STREAMS_KEPT:
            self._fitted.clear()
        self._fitted.add(source_arn)
        return Fit(to_plain(layouts[0]), layouts)


def choose_layout(fits: Sequence[FittedLayout], keys: Item) -> ChosenLayout | None:
    """The first of a table's layouts whose patterns fit an item's keys; None where the item is of another kind.

    Raises:
        PoisonRecord: a key's value is of no type that keys have.

    """
    for fitted in fits:
        holes = fitted.catch(keys)
        if holes is not None:
            return fitted, holes
    return None
