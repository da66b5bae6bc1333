"""Report what a few items of a table would produce.

The report contains counts and reasons, but no key, name or value of an item: it is logged.
"""

from collections import Counter
from collections.abc import Sequence

from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.layouts.entity_features import EntityFeatures, read_entity_features
from feature_events.layouts.mismatches import find_mismatches, find_no_features
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.preflight.check import Warned
from feature_events.records.change import Change, Item, Skipped, read_scanned_item
from feature_events.tables.table import Description, sample_items

MOST_ITEMS = 10

_SCAN_SECONDS = 2.5  # a check also describes the table, and has 8 seconds for both
_MOST_LAYOUTS = 3
_EVENT = ""
"""The reason of an item that would produce an event."""


def check_items(name: str, table: Description, layouts: TableLayouts) -> str | Warned:
    """Read a few items of a table and count what they would produce; warn if a layout is probably wrong.

    By default, the publishing function has no right to read items. The report then names `make layout` instead.
    """
    try:
        items = sample_items(name, MOST_ITEMS, _SCAN_SECONDS)
    except (Misconfigured, Undelivered) as error:
        return f"items not read: {error}"
    if items is None:
        return (
            "items not read, because the role is not granted dynamodb:Scan, which is optional: "
            f"make layout TABLE={name} shows what they would produce"
        )
    if not items:
        return "it contains no items"
    return _report([_find_reason(item, table, layouts) for item in items])


def _report(reasons: Sequence[str]) -> str | Warned:
    counts = Counter(reasons)
    events = counts.pop(_EVENT, 0)
    total = f"{len(reasons)} {'item' if len(reasons) == 1 else 'items'}"
    report = ", ".join([f"of {total}, {events} would produce events", *[f"{counts[each]} {each}" for each in counts]])
    if not events:
        return Warned(f"{report}; correct TableLayouts (TABLE_LAYOUTS), unless few items of this table have features")
    return Warned(report) if any(reason.startswith("dead-lettered") for reason in counts) else report


def _find_reason(item: Item, table: Description, layouts: TableLayouts) -> str:
    """Return why an item would produce no event, or _EVENT."""
    change = read_scanned_item(item, table.arn, table.key_names, 1, "")
    try:
        found = read_entity_features(change, layouts, "all")
    except PoisonRecord as error:
        return f"dead-lettered: {error}"
    return _EVENT if isinstance(found, EntityFeatures) else f"skipped: {found} ({_explain(change, found, layouts)})"


def _explain(change: Change, skipped: Skipped, layouts: TableLayouts) -> str:
    chosen = layouts.choose(change)
    if skipped is Skipped.NO_FEATURES and chosen is not None:
        return str(find_no_features(change.new_image, chosen))
    fits = layouts.fit(change.source_arn, tuple(change.keys)).layouts
    mismatches = [str(each) for each in find_mismatches(fits, change.keys, change.new_image)]
    more = len(mismatches) - _MOST_LAYOUTS
    return "; ".join([*mismatches[:_MOST_LAYOUTS], *([f"and {more} more layouts"] if more > 0 else [])])
