"""Writes to the feature tables, each with its expected events.

The expected events follow from the table's layout alone. This module uses no code of the publisher.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from local.application.feature_tables import ACCOUNTS, APP, KEYS, USERS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource

SPENDING = {
    "avg_spend_30d": Decimal("412.75"),
    "txn_count_30d": 18,
    "last_merchant": "bakery",
    "is_weekend_buyer": True,
}
BATCH = 25
"""The largest number of items in one batch_write_item."""


class Subject(NamedTuple):
    """The entity and the feature group that an event is about."""

    entity_type: str
    entity_id: str
    resource_name: str


class ExpectedEvent(NamedTuple):
    """The fields of an event that its write determines."""

    subject: Subject
    event_type: str
    resource_type: str
    compute_id: str
    features: frozenset[str]


class FeatureWrite(NamedTuple):
    """One request to DynamoDB, the events it produces, and the number of skipped records."""

    operation: str
    send: Callable[["DynamoDBServiceResource"], object]
    events: Sequence[ExpectedEvent]
    skipped: Mapping[str, int] = {}
    """The number of skipped records by reason."""


def plan_writes() -> list[FeatureWrite]:
    """Return writes of every kind, in an order in which they can be sent."""
    return [
        _put(USERS, ("u-1001", "spending"), SPENDING, "run-1"),
        _put(ACCOUNTS, ("a-77", "balance"), {"balance": Decimal("1034.20")}, "run-2"),
        _put_app(("user", "u-1001", "activity"), {"logins_7d": 5, "sessions_7d": 9}, "run-6"),
        _put_order("u-1001", "2025-10-10#17"),
        _put_app(("merchant", "m-9", "refunds"), {"refund_share_30d": Decimal("0.02")}, "run-7"),
        _update(USERS, "u-1001", "spending", "avg_spend_30d", Decimal("398.10")),
        _put_batch(USERS, "run-3"),
        _put(USERS, ("u-1002", "spending"), SPENDING, None),
        _put(ACCOUNTS, ("a-78", "risk"), {"risk_score": 3}, "run-4", metadata="metadata"),
        _put_without_features(USERS, "u-1003", "profile"),
        _put(USERS, ("u-1004", "churn"), {"churn_risk": Decimal("0.2")}, "run-5"),
        _delete(USERS, "u-1004", "churn"),
        _update(USERS, "u-1001", "spending", "txn_count_30d", 19),
    ]


def make_item(table: str, entity: str, category: str, features: Mapping[str, Any]) -> dict[str, Any]:
    """Make an item of a table with the default layout, for boto3's resource interface."""
    return {**_make_key(table, entity, category), "features": dict(features)}


def make_features(data: Mapping[str, Any], compute_id: str | None, metadata: str = "meta") -> dict[str, Any]:
    """Make the features of an item with their metadata. The timestamps are the current time."""
    values = {"created_at": _now(), "updated_at": _now()}
    if compute_id is not None:
        values["compute_id"] = compute_id
    return {"data": dict(data), metadata: values}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _make_key(table: str, partition_value: str, sort_value: str) -> dict[str, str]:
    return dict(zip(KEYS[table], (partition_value, sort_value), strict=True))


def _expect(
    table: str, entity: str, category: str, features: Sequence[str] | Mapping[str, Any], compute_id: str
) -> ExpectedEvent:
    """Return the expected event of an item with the default layout. Its entity type is the partition key's name."""
    return _make_expected(Subject(KEYS[table][0], entity, category), features, compute_id)


def _make_expected(subject: Subject, features: Sequence[str] | Mapping[str, Any], compute_id: str) -> ExpectedEvent:
    return ExpectedEvent(subject, "feature_available", "feature", compute_id, frozenset(features))


def _put(
    table: str, key: tuple[str, str], data: Mapping[str, Any], compute_id: str | None, metadata: str = "meta"
) -> FeatureWrite:
    item = make_item(table, *key, make_features(data, compute_id, metadata))
    expected = _expect(table, *key, data, compute_id or "")
    return FeatureWrite("put_item", lambda tables: tables.Table(table).put_item(Item=item), [expected])


def _update(table: str, entity: str, category: str, feature: str, value: Decimal | int) -> FeatureWrite:
    """Update one feature of the `spending` item. The event names all features of the item."""

    def send(tables: "DynamoDBServiceResource") -> object:
        return tables.Table(table).update_item(
            Key=_make_key(table, entity, category),
            UpdateExpression="SET features.#data.#feature = :value, features.meta.updated_at = :now",
            ExpressionAttributeNames={"#data": "data", "#feature": feature},
            ExpressionAttributeValues={":value": value, ":now": _now()},
        )

    return FeatureWrite("update_item", send, [_expect(table, entity, category, SPENDING, "run-1")])


def _put_batch(table: str, compute_id: str) -> FeatureWrite:
    """Put five feature groups of five users in one request."""
    groups = [
        (f"u-{2000 + number // 5}", f"group-{number % 5}", [f"f{number}_a", f"f{number}_b"]) for number in range(BATCH)
    ]
    items = [
        make_item(table, entity, category, make_features(dict.fromkeys(names, 1), compute_id))
        for entity, category, names in groups
    ]

    def send(tables: "DynamoDBServiceResource") -> object:
        return tables.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})

    expected = [_expect(table, entity, category, names, compute_id) for entity, category, names in groups]
    return FeatureWrite("batch_write_item", send, expected)


def _put_without_features(table: str, entity: str, category: str) -> FeatureWrite:
    item = {**_make_key(table, entity, category), "note": "no features yet"}
    return FeatureWrite("put_item", lambda tables: tables.Table(table).put_item(Item=item), [], {"no_features": 1})


def _delete(table: str, entity: str, category: str) -> FeatureWrite:
    key = _make_key(table, entity, category)
    subject = Subject(KEYS[table][0], entity, category)
    removal = ExpectedEvent(subject, "feature_unavailable", "feature", "", frozenset())
    return FeatureWrite("delete_item", lambda tables: tables.Table(table).delete_item(Key=key), [removal])


def _put_app(subject: tuple[str, str, str], features: Mapping[str, Any], compute_id: str) -> FeatureWrite:
    """Put features in the single-table design, where the keys' values have the entity type as a prefix."""
    entity_type, entity, resource = subject
    key = _make_key(APP, f"{entity_type.upper()}#{entity}", f"FEATURES#{resource}")
    item: dict[str, Any] = {**key, "features": dict(features), "updated_at": _now(), "compute_id": compute_id}
    expected = _make_expected(Subject(*subject), features, compute_id)
    return FeatureWrite("put_item", lambda tables: tables.Table(APP).put_item(Item=item), [expected])


def _put_order(user: str, number: str) -> FeatureWrite:
    """Put an item of another kind in the same table."""
    item: dict[str, Any] = {**_make_key(APP, f"USER#{user}", f"ORDER#{number}"), "total": Decimal("30.10")}
    return FeatureWrite("put_item", lambda tables: tables.Table(APP).put_item(Item=item), [], {"other_item": 1})
