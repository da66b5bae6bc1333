"""Asks DynamoDB which layout each table gets, so that a table without one shows before its first record does.

The table is described and not its stream: a VPC's gateway endpoint leads to DynamoDB's tables, and not to its streams.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-streams.html
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from feature_events.aws.arn import to_table_arn, to_table_name
from feature_events.aws.clients import ask_within, make_tables_client
from feature_events.aws.errors import Action
from feature_events.errors import FeatureEventsError, Misconfigured
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.probe import Probe
from feature_events.records.stream import WITHOUT_NEW_IMAGES, to_new_images_error, to_old_images_error
from feature_events.settings import FeaturesMode, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TableDescriptionTypeDef

TABLE_LAYOUTS = "table layouts"
"""The name of the probe where no stream is known; otherwise each table has one."""

_DESCRIBE_SECONDS = 5.0  # less than a probe has, so that the reason is the probe's own


def to_layout_probes(settings: Settings) -> Sequence[Probe]:
    """One probe for each stream: a layout fits its table, and its images are those that are needed.

    Where the table cannot be described nothing is wrong yet, since the pipeline describes none: the probe then says
    why, and what the layouts want.
    """
    layouts = TableLayouts(settings.table_layouts)
    if not settings.streams:
        return [Probe(TABLE_LAYOUTS, lambda: f"no table was looked at: STREAM_ARNS is empty; {layouts.describe()}")]
    return [
        Probe(f"layout of {to_table_name(stream)}", partial(_find_layout, settings, layouts, stream))
        for stream in settings.streams
    ]


def _find_layout(settings: Settings, layouts: TableLayouts, stream: str) -> str:
    name = to_table_name(stream)
    try:
        table = _describe(stream)
    except FeatureEventsError as error:
        return f"{error}; {layouts.describe()}"
    if table is None:
        raise Misconfigured(f"the table {name} does not exist: name streams of tables that do in STREAM_ARNS")
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    fitted = [each.layout for each in layouts.fit_table(name, keys)]
    numbers = [f"layout {settings.table_layouts.index(each) + 1} ({each})" for each in fitted]
    view = _read_view(table, settings.streams)
    _check_view(view, settings.features_mode)
    return f"gets {' and '.join(numbers)}; its keys are {' and '.join(keys)}, its stream's view type is {view}"


def _describe(stream: str) -> "TableDescriptionTypeDef | None":
    """The table of a stream as DynamoDB describes it; None where there is none."""

    def describe() -> "TableDescriptionTypeDef | None":
        client = make_tables_client()
        try:
            return client.describe_table(TableName=to_table_arn(stream))["Table"]
        except client.exceptions.ResourceNotFoundException:
            return None

    action = Action("dynamodb:DescribeTable", f"the table {to_table_name(stream)} cannot be described")
    return ask_within(_DESCRIBE_SECONDS, describe, action)


def _read_view(table: "TableDescriptionTypeDef", streams: Sequence[str]) -> str:
    """The view type of the table's stream, which must be one of those that are read."""
    name, view = table["TableName"], table.get("StreamSpecification", {}).get("StreamViewType")
    if view is None:
        raise Misconfigured(f"the table {name} has no stream: turn it on, and name it in STREAM_ARNS")
    latest = table["LatestStreamArn"]
    if latest not in streams:
        raise Misconfigured(f"the table {name} has another stream now: name {latest} in STREAM_ARNS")
    return view


def _check_view(view: str, mode: FeaturesMode) -> None:
    """Raises the error that the first record would raise."""
    if view in WITHOUT_NEW_IMAGES:
        raise to_new_images_error(view)
    if mode == "changed" and view != "NEW_AND_OLD_IMAGES":
        raise to_old_images_error()
