"""Choose the layout of an item.

The table's name and key attributes select layouts once per stream. The values of the keys and of other attributes then
select one per item.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from feature_events.aws.arn import to_table_arn, to_table_name
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layouts.fitted_layout import FittedLayout, SimpleLayout, fit_layout, simplify_layout
from feature_events.layouts.pattern import Captures
from feature_events.layouts.table_layout import TableLayout
from feature_events.records.change import Change, Item

_STREAMS_CACHED = 64  # one function serves a few tables
_MAX_KEYS = 2
_OTHER_KEYS = "the record's key attributes are not its table's"


class Fit(NamedTuple):
    """The layouts that fit a table."""

    simple: SimpleLayout | None
    """The first layout in its simple form, if it has one. It then applies to all items."""
    layouts: tuple[FittedLayout, ...]


type ChosenLayout = tuple[FittedLayout, Captures]
"""The layout of one item, and what its placeholders captured."""


class TableLayouts:
    """The layouts of a function, in their order."""

    def __init__(self, layouts: Sequence[TableLayout]) -> None:
        self._layouts = layouts
        self._fitted: set[str] = set()
        """ARNs of streams for which a layout was found."""
        self.fit = lru_cache(_STREAMS_CACHED)(self._fit)
        """Cached `_fit`. Errors are not cached."""

    def choose(self, change: Change) -> ChosenLayout | None:
        """Return the layout of an item after a change, or of a deleted item; None if it has none.

        Raises:
            PoisonRecord: the record's keys are not those of a table, or the stream is not a table's.
            Misconfigured: no layout fits the table, or the old image is needed but the stream does not contain it.

        """
        fits = self.fit(change.source_arn, tuple(change.keys)).layouts
        return choose_layout(fits, change.keys, change.old_image if change.kind == "REMOVE" else change.new_image)

    def fit_table(self, table: str, key_names: Sequence[str]) -> tuple[FittedLayout, ...]:
        """Return the layouts that fit a table with this name and these key attributes.

        Raises:
            Misconfigured: no layout fits.

        """
        fitted = [fit_layout(layout, number, table, key_names) for number, layout in enumerate(self._layouts, 1)]
        fits = tuple([each for each in fitted if each is not None])
        if not fits:
            raise Misconfigured(
                f"no layout fits the table {table} with the key attributes {' and '.join(sorted(key_names))}: add one "
                f"to TableLayouts (TABLE_LAYOUTS), or correct these: {self.describe()}"
            )
        return fits

    def describe(self) -> str:
        """Describe which tables the layouts are for."""
        return "; ".join(f"layout {number} is for {layout}" for number, layout in enumerate(self._layouts, 1))

    def _fit(self, source_arn: str, key_names: tuple[str, ...]) -> Fit:
        """Return the layouts for a stream's or a table's ARN, and keys of these names."""
        if not 0 < len(key_names) <= _MAX_KEYS:
            raise PoisonRecord(_OTHER_KEYS)
        table = to_table_name(to_table_arn(source_arn))
        if not table:
            raise PoisonRecord("eventSourceARN is not the ARN of a table's stream")
        try:
            layouts = self.fit_table(table, key_names)
        except Misconfigured:
            if source_arn in self._fitted:
                # The keys of a table never change, and a new table of the same name has another stream
                raise PoisonRecord(_OTHER_KEYS) from None
            raise
        if len(self._fitted) >= _STREAMS_CACHED:
            self._fitted.clear()
        self._fitted.add(source_arn)
        return Fit(simplify_layout(layouts[0]), layouts)


def choose_layout(fits: Sequence[FittedLayout], keys: Item, item: Item | None) -> ChosenLayout | None:
    """Return the first of a table's layouts that matches an item, or None if no layout does.

    Args:
        fits: the layouts of the table.
        keys: the item's keys.
        item: the item, or None if the stream does not contain it.

    Raises:
        PoisonRecord: a key's value has a type that keys cannot have.
        Misconfigured: a layout depends on attributes that the stream does not contain.

    """
    for fitted in fits:
        captures = fitted.match_keys(keys)
        if captures is None:
            continue
        if fitted.attributes:
            if item is None:
                raise removals_error(fitted)
            if not fitted.match_attributes(item, captures):
                continue
        return fitted, captures
    return None


def format_entity(chosen: ChosenLayout) -> tuple[str, str, str]:
    """Return an item's entity type, entity id and resource name."""
    fitted, captures = chosen
    return fitted.format_entity_type(captures), fitted.format_entity_id(captures), fitted.format_resource_name(captures)


def removals_error(fitted: FittedLayout) -> Misconfigured:
    """Return the error of a stream without old images if removals are announced under a layout with attributes."""
    return Misconfigured(
        "Removals (REMOVALS) is events, which needs StreamViewType NEW_AND_OLD_IMAGES for layout "
        f"{fitted.number}, because it has attributes: set StreamViewType, or Removals to none"
    )
