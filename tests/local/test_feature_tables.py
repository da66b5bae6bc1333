"""The local stack's tables have a layout each, and the one to attach exists before the deployment."""

import boto3
import pytest

from feature_events.layout_language.reading import to_table_layouts
from feature_events.layouts.table_layouts import TableLayouts
from local.application.feature_tables import APP, KEYS, LAYOUTS, create_app_table
from tests.support.failures import in_memory


def test_create_app_table__leaves_a_table_that_exists() -> None:
    """A second deployment gets the same stream."""
    with in_memory():
        dynamodb = boto3.client("dynamodb")
        stream = create_app_table(dynamodb)
        assert stream.split("/")[1] == APP
        assert create_app_table(dynamodb) == stream
        assert dynamodb.list_tables()["TableNames"] == [APP]


@pytest.mark.parametrize("table", KEYS)
def test_layouts__fit_each_table(table: str) -> None:
    """No table of the local stack is without a layout."""
    assert TableLayouts(to_table_layouts(LAYOUTS)).fit_table(table, KEYS[table])
