"""Check which layouts fit each table and its items, so that a wrong layout is noticed before its first record.

The check describes the table, not its stream: a VPC's gateway endpoint serves DynamoDB's tables, but not its streams.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-streams.html
"""

from collections.abc import Sequence
from functools import partial

from feature_events.errors import Misconfigured, Undelivered
from feature_events.layouts.entity_features import FeaturesMode
from feature_events.layouts.table_layouts import TableLayouts, removals_error
from feature_events.preflight.check import Check, Warned
from feature_events.preflight.items import check_items
from feature_events.records.change import WITHOUT_NEW_IMAGES, new_images_error, old_images_error
from feature_events.settings.settings import Settings
from feature_events.syntax import is_table_name
from feature_events.tables.table import describe_table

TABLE_LAYOUTS = "table layouts"
"""Name of the check if no table is named. Otherwise there is one check per table."""

_NO_OLD_IMAGES = (
    "without old images, Removals=events also announces the removal of items that never had features (to avoid that, "
    "use NEW_AND_OLD_IMAGES)"
)

_DESCRIBE_SECONDS = 5.0  # less than a check may take, so that its own error is reported


def make_table_checks(settings: Settings, tables: object = None) -> Sequence[Check]:
    """Return one check per table: a layout fits the table, and its stream contains the necessary images.

    The check passes if the table cannot be reached, because publishing does not describe tables. It then reports the
    error and which tables the layouts are for. It warns if no item of a few would produce an event, or if any would be
    dead-lettered.

    Args:
        settings: the function's settings.
        tables: the event's `tables`, which should be a list of table names. None means the tables in OWN_TABLES.

    """
    layouts = TableLayouts(settings.table_layouts)
    names = settings.own_tables if tables is None else _read_names(tables)
    if names is None:
        return [Check(TABLE_LAYOUTS, _refuse_names)]
    if not names:
        hint = 'name tables in the event to check them, as in {"check": true, "tables": ["orders"]}'
        return [Check(TABLE_LAYOUTS, lambda: f"no table checked: {hint}; {layouts.describe()}")]
    return [Check(f"layout of {name}", partial(_find_layout, settings, layouts, name)) for name in names]


def _read_names(tables: object) -> Sequence[str] | None:
    """Return the names in the event's `tables`, or None if it is not a list of table names."""
    if not isinstance(tables, list) or not tables:
        return None
    return tables if all(isinstance(name, str) and is_table_name(name) for name in tables) else None


def _refuse_names() -> str:
    raise Misconfigured('"tables" in the event must be a list of table names, such as ["orders"]')


def _find_layout(settings: Settings, layouts: TableLayouts, name: str) -> str | Warned:
    if_denied = "" if name in settings.own_tables else "set TableArns to a list that covers the table"
    try:
        table = describe_table(name, _DESCRIBE_SECONDS, if_denied)
    except Undelivered as error:
        return f"{error}; {layouts.describe()}"
    keys, view = table.key_names, table.view_type
    fitted = layouts.fit_table(name, keys)
    numbers = [f"layout {each.number} ({each.layout})" for each in fitted]
    if view is None:
        raise Misconfigured(f"the table {name} has no stream: enable it with view type NEW_AND_OLD_IMAGES")
    _check_view(view, settings.features_mode)
    found = [f"uses {' and '.join(numbers)}; its keys are {' and '.join(keys)}, its stream's view type is {view}"]
    if settings.removals == "events" and view == "NEW_IMAGE":
        with_attributes = [each for each in fitted if each.attributes]
        if with_attributes:
            raise removals_error(with_attributes[0])
        found.append(_NO_OLD_IMAGES)
    items = check_items(name, table, layouts)
    if isinstance(items, Warned):
        return Warned("; ".join([*found, items.detail]))
    return "; ".join([*found, items])


def _check_view(view: str, mode: FeaturesMode) -> None:
    """Raise the error that the first record would raise."""
    if view in WITHOUT_NEW_IMAGES:
        raise new_images_error(view)
    if mode == "changed" and view != "NEW_AND_OLD_IMAGES":
        raise old_images_error()
