"""Chooses the layout of an item: by its table's name and key attributes once per stream, then by its keys' values."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from feature_events.aws.arn import to_table_name
from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.layout_language.table_layout import MapNames, TableLayout, TimePath
from feature_events.layouts.fitted_layout import FittedLayout, Holes, fit_layout
from feature_events.records.change import Change
from feature_events.records.stream import Stream

_STREAMS_KEPT = 64  # one function serves a few tables
_MOST_KEYS = 2
_PLAIN = [2, 3, 3]
"""How long the paths are in an item of the commonest kind."""


type ChosenLayout = tuple[FittedLayout, Holes]
"""The layout of one item, and what its holes caught."""


class PlainItem(NamedTuple):
    """Where everything is in an item of the commonest kind: each part is text under a name that the layout has.

    The entity's id and the resource's name are the values of keys, and the time and the compute id stand in one map.
    """

    entity_type: str
    entity_key: str
    resource_key: str
    outer: str
    features: str
    other: str
    metadata: str
    updated_at: str
    compute_id: str


class TableLayouts:
    """The layouts that a function has, in their order."""

    def __init__(self, layouts: Sequence[TableLayout]) -> None:
        self._layouts = layouts
        self._key_names: dict[str, set[str]] = {}
        self._fit = lru_cache(_STREAMS_KEPT)(self._fit_stream)  # an error is not kept
        self.find_plain = lru_cache(_STREAMS_KEPT)(self._find_plain)
        """Where all is in the items of a stream with key attributes of these names, if they are of the commonest kind;
        raises as `choose` does."""

    def choose(self, change: Change) -> ChosenLayout | None:
        """The first layout that fits the item; None where its keys are those of items that no layout is for.

        Raises:
            PoisonRecord: the record's keys are none that its table can have.
            Misconfigured: there is no layout for its table.

        """
        for fitted in self._fit(change.stream, tuple(change.keys)):
            holes = fitted.catch(change.keys)
            if holes is not None:
                return fitted, holes
        return None

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

    def _find_plain(self, stream: Stream, key_names: tuple[str, ...]) -> PlainItem | None:
        return _to_plain(self._fit(stream, key_names)[0])

    def _fit_stream(self, stream: Stream, key_names: tuple[str, ...]) -> tuple[FittedLayout, ...]:
        known = self._key_names.get(stream.arn)
        if not 0 < len(key_names) <= _MOST_KEYS or (known is not None and known != set(key_names)):
            # A table's keys never change, and a new table of the same name has another stream
            raise PoisonRecord("the record's key attributes are not its table's")
        table = to_table_name(stream.table_arn)
        if not table:
            raise PoisonRecord("eventSourceARN is not the ARN of a table's stream")
        layouts = self.fit_table(table, key_names)
        if len(self._key_names) >= _STREAMS_KEPT:
            self._key_names.clear()
        self._key_names[stream.arn] = set(key_names)
        return layouts


def _to_plain(fitted: FittedLayout) -> PlainItem | None:
    """Where everything is, if this layout takes all items of the table and all of them are of the commonest kind."""
    layout = fitted.layout
    keys = {f"{{{key.hole}}}": key.name for key in fitted.keys if key.match is None}
    entity_key, resource_key = keys.get(layout.entity_id.text), keys.get(layout.resource_name.text)
    features = layout.features.path if isinstance(layout.features, MapNames) else ()
    updated_at = layout.updated_at[0] if layout.updated_at else TimePath((), None)
    compute_id = layout.compute_id[0] if layout.compute_id else ()
    if (
        entity_key is None
        or resource_key is None
        or len(keys) < len(fitted.keys)
        or not fitted.caught.keys() >= set(layout.entity_type.holes)
        or updated_at.unit is not None
        or [len(features), len(updated_at.path), len(compute_id)] != _PLAIN
        or updated_at.path[:2] != compute_id[:2]
    ):
        return None
    entity_type = layout.entity_type.fill(fitted.caught)
    (outer, name), (other, metadata, time_name) = features, updated_at.path
    return PlainItem(entity_type, entity_key, resource_key, outer, name, other, metadata, time_name, compute_id[-1])
