"""The feature tables of the local stack."""

import boto3
import pytest

from feature_events.layouts.parser import parse_table_layouts
from feature_events.layouts.table_layouts import TableLayouts
from local.application.feature_tables import APP, KEYS, LAYOUTS, create_app_table
from tests.support.failures import in_memory


def test_create_app_table__creates_the_table_once() -> None:
    """Another deployment to a running stack finds the existing table and its stream."""
    with in_memory():
        dynamodb = boto3.client("dynamodb")
        stream = create_app_table(dynamodb)
        assert create_app_table(dynamodb) == stream
        table = dynamodb.describe_table(TableName=APP)["Table"]
    assert table["LatestStreamArn"] == stream
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert tuple(each["AttributeName"] for each in table["KeySchema"]) == KEYS[APP]


@pytest.mark.parametrize("table", KEYS)
def test_layouts__fit_each_table(table: str) -> None:
    """Every table of the local stack has a layout."""
    assert TableLayouts(parse_table_layouts(LAYOUTS)).fit_table(table, KEYS[table])
