"""The items of Featureform's DynamoDB provider, written by boto3 as its source writes them.

The provider is a Go package inside Featureform's server, and no registry of packages has it; so its requests are
repeated here: `CreateTable`, `BatchSet` and `Set` of provider/dynamodb.go in github.com/featureform/featureform at
b228768, with values by `serializerV1`.
"""

from typing import Any

from tests.writers.scripts.account import Account, run
from tests.writers.scripts.tables import create_table, to_client

PREFIX = "Featureform_table__"
LAYOUT = {
    "table": "Featureform_table____{}",
    "keys": {"{resource_name}": "{entity_id}"},
    "entity_type": "customer",
    "features": ["{resource_name}"],
}


def to_table_name(feature: str, variant: str) -> str:
    """As `formatDynamoTableName` does for names of letters, digits and underscores."""
    return f"{PREFIX}__{feature}__{variant}"


def create(feature: str, variant: str) -> str:
    """As `CreateTable` does, but for the stream: the key has the feature's name."""
    name = to_table_name(feature, variant)
    create_table(name, {feature: "S"})
    return name


def set_batch(table: str, feature: str, values: dict[str, dict[str, Any]]) -> None:
    """As `BatchSet` does."""
    items = [{feature: {"S": entity}, "FeatureValue": value} for entity, value in values.items()]
    to_client().batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def set_one(table: str, feature: str, entity: str, value: dict[str, Any]) -> None:
    """As `Set` does."""
    to_client().update_item(
        TableName=table,
        Key={feature: {"S": entity}},
        UpdateExpression="set FeatureValue = :val",
        ExpressionAttributeValues={":val": value},
    )


def write() -> Account:
    """A batch of a float feature, one of them NULL; a changed value; and a vector of another feature."""
    account = Account("featureform b228768, serialization version 1", "BatchWriteItem, UpdateItem", [LAYOUT])
    spend = create("avg_spend", "v1")
    # strconv.FormatFloat(value, 'e', -1, 64) writes the exponent with two digits
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
