"""Stream records in DynamoDB's form, for tables of the default layout."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

STREAM_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store/stream/2026-01-01T00:00:00.000"
FIRST_NUMBER = 4421584500000000017450439000
WRITTEN = "2025-10-10T12:34:56.789Z"
CREATED = 1760099697

type Json = dict[str, Any]


def to_item(
    features: tuple[str, ...] = ("age", "income"),
    *,
    value: int = 1,
    metadata_name: str = "meta",
    updated_at: str | None = WRITTEN,
    compute_id: str | None = "spark-job-0007",
) -> Json:
    """Return an item's attributes without its keys."""
    metadata: Json = {}
    if updated_at is not None:
        metadata |= {"created_at": {"S": updated_at}, "updated_at": {"S": updated_at}}
    if compute_id is not None:
        metadata["compute_id"] = {"S": compute_id}
    data = {name: {"N": str(value)} for name in features}
    return {"features": {"M": {"data": {"M": data}, metadata_name: {"M": metadata}}}}


def to_record(  # noqa: PLR0913  # the parts of a record, by keyword
    number: int = 0,
    *,
    entity: str = "user-1",
    kind: str = "INSERT",
    item: Json | None = None,
    old: Json | None = None,
    view: str = "NEW_AND_OLD_IMAGES",
) -> Json:
    """Return the record of one write; its sequence number, time and id follow from `number`."""
    keys = {"bright_uid": {"S": entity}, "category": {"S": "user_features"}}
    body: Json = {
        "ApproximateCreationDateTime": CREATED + number,
        "Keys": keys,
        "NewImage": {**keys, **(to_item() if item is None else item)},
        "SequenceNumber": str(FIRST_NUMBER + number),
        "SizeBytes": 300,
        "StreamViewType": view,
    }
    if old is not None:
        body["OldImage"] = {**keys, **old}
    return {
        "eventID": uuid5(NAMESPACE_OID, str(number)).hex,
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": body,
        "eventSourceARN": STREAM_ARN,
    }


def to_removal_record(number: int = 0, *, entity: str = "user-1", old: Json | None = None) -> Json:
    """Return the record of a deletion."""
    record = to_record(number, entity=entity, kind="REMOVE", old=old)
    del record["dynamodb"]["NewImage"]
    return record


def to_expired_record(number: int = 0, *, entity: str = "user-1", old: Json | None = None) -> Json:
    """Return the record of a deletion by DynamoDB's time to live."""
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return {**to_removal_record(number, entity=entity, old=old), "userIdentity": identity}


def to_unreadable_record(number: int = 0, *, entity: str = "user-1") -> Json:
    """Return a record whose item does not fit the layout."""
    return to_record(number, entity=entity, item={"features": {"S": "age,income"}})


def number_of(record: Mapping[str, Any]) -> str:
    """Return the record's sequence number."""
    return str(record["dynamodb"]["SequenceNumber"])
