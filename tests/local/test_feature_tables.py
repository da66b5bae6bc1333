"""The local stack's tables are there before the deployment, each with a layout and a stream."""

import boto3
import pytest

from feature_events.layout_language.reading import to_table_layouts
from feature_events.layouts.table_layouts import TableLayouts
from local.application.feature_tables import APP, KEYS, LAYOUTS, make_tables
from tests.support.failures import in_memory


def test_make_tables__leaves_what_is_there() -> None:
    """A second deployment gets the same streams, and one of which a table is missing makes that one again."""
    with in_memory():
        dynamodb = boto3.client("dynamodb")
        streams = make_tables(dynamodb)
        assert [arn.split("/")[1] for arn in streams] == list(KEYS)
        assert make_tables(dynamodb) == streams
        dynamodb.delete_table(TableName=APP)
        assert make_tables(dynamodb)[:2] == streams[:2]
        assert set(dynamodb.list_tables()["TableNames"]) == set(KEYS)


@pytest.mark.parametrize("table", KEYS)
def test_layouts__fit_each_table(table: str) -> None:
    """No table of the local stack is without a layout."""
    assert TableLayouts(to_table_layouts(LAYOUTS)).fit_table(table, KEYS[table])
