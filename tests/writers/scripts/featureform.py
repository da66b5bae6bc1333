"""The requests of Featureform's DynamoDB provider, sent with boto3.

The provider is a Go package inside Featureform's server, and not available separately. This script repeats the requests
of `CreateTable`, `BatchSet` and `Set` in provider/dynamodb.go of github.com/featureform/featureform at b228768, with
values from `serializerV1`.
"""

from typing import Any

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table, make_client

PREFIX = "Featureform_table__"
LAYOUT = {
    "table": "Featureform_table____{}",
    "keys": {"{resource_name}": "{entity_id}"},
    "entity_type": "customer",
    "features": {"names": ["{resource_name}"]},
}


def make_table_name(feature: str, variant: str) -> str:
    """Make a table name like `formatDynamoTableName`, for names of letters, digits and underscores."""
    return f"{PREFIX}__{feature}__{variant}"


def create(feature: str, variant: str) -> str:
    """Create a table like `CreateTable`, with a stream. The key has the feature's name."""
    name = make_table_name(feature, variant)
    create_table(name, {feature: "S"})
    return name


def set_batch(table: str, feature: str, values: dict[str, dict[str, Any]]) -> None:
    """Write values like `BatchSet`."""
    items = [{feature: {"S": entity}, "FeatureValue": value} for entity, value in values.items()]
    make_client().batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def set_one(table: str, feature: str, entity: str, value: dict[str, Any]) -> None:
    """Write a value like `Set`."""
    make_client().update_item(
        TableName=table,
        Key={feature: {"S": entity}},
        UpdateExpression="set FeatureValue = :val",
        ExpressionAttributeValues={":val": value},
    )


def write() -> Account:
    """Write a batch of a float feature with a NULL, a changed value, and a vector of another feature."""
    account = Account("featureform b228768, serialization version 1", "BatchWriteItem, UpdateItem", [LAYOUT])
    spend = create("avg_spend", "v1")
    # strconv.FormatFloat(value, 'e', -1, 64) writes exponents with two digits
    set_batch(spend, "avg_spend", {"C-1": {"N": "4.125e+01"}, "C-2": {"NULL": True}})
    account.add("customer", "C-1", "avg_spend", ["avg_spend"])
    account.add("customer", "C-2", "avg_spend", ["avg_spend"])
    set_one(spend, "avg_spend", "C-1", {"N": "5e+01"})
    account.add("customer", "C-1", "avg_spend", ["avg_spend"])
    embedding = create("embedding", "2025_10_10")
    set_one(embedding, "embedding", "C-1", {"L": [{"N": "1e-01"}, {"N": "2e-01"}]})
    account.add("customer", "C-1", "embedding", ["embedding"])
    return account


if __name__ == "__main__":
    run(write)
