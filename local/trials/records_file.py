"""Read stream records and items from files, in the forms in which AWS's tools and other people's samples contain them.

| form | contains |
|---|---|
| an event, or one record per line | stream records as Lambda passes them |
| `aws dynamodbstreams get-records`, an incremental export | stream records without a table |
| `aws dynamodb scan`, `query`, `get-item`, `batch-get-item`; a full export | items in DynamoDB's JSON |
| any other objects | items, in DynamoDB's JSON or ordinary JSON |
| a dead letter, an on-failure batch | stream records |
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from feature_events.failures import on_failure_batch
from feature_events.layouts.table_layout import TableLayout
from feature_events.records.stream_record import read_identity
from local.errors import LocalError
from local.trials.item_records import Record, find_table, to_image, to_record, to_stream_arn
from local.trials.json_file import read_values

type Json = Any

_OF_RECORDS = {"eventName", "dynamodb", "eventSourceARN"}
_OF_SCANS = {"Items", "Count", "ScannedCount", "ConsumedCapacity", "LastEvaluatedKey", "NextToken", "ResponseMetadata"}
_OF_GETS = {"Item", "ConsumedCapacity", "ResponseMetadata"}
_OF_BATCHES = {"Responses", "UnprocessedKeys", "ConsumedCapacity", "ResponseMetadata"}

_OTHER_NAME = "; set TABLE_NAME to the real name"


class Loaded(NamedTuple):
    """The records of a file."""

    records: Sequence[Record]
    assumed: Mapping[str, Sequence[int]]
    """The assumptions about incomplete records, each with the numbers of its records, counted from 1."""


class _Item(NamedTuple):
    """An item that was found in a file, and the name of its table, if the file contains it."""

    attributes: Mapping[str, Json]
    table: str = ""


def read_records(path: Path, layouts: Sequence[TableLayout], table: str = "") -> Loaded:
    """Return the records in a file, in their order. Items become the records of their insertion.

    Args:
        path: the file.
        layouts: the layouts to try, which name the keys of items, and tables.
        table: the name of the table of items and of records that do not contain it.

    Raises:
        LocalError: the file contains invalid JSON or no records, or the keys of an item cannot be found.
        OSError: the file cannot be read.

    """
    found = [each for value in read_values(path) for each in _unwrap(value)]
    if not found:
        raise LocalError(
            f"{path} contains no records: write stream records or items, such as those of `aws dynamodb scan`"
        )
    now = int(datetime.now(UTC).timestamp())
    records: list[Record] = []
    assumed: dict[str, list[int]] = {}
    for number, each in enumerate(found, 1):
        try:
            record, note = _complete(each, layouts, table, number, now)
        except LocalError as error:
            raise LocalError(f"{path}, record {number} {error}") from error
        records.append(record)
        if note:
            assumed.setdefault(note, []).append(number)
    return Loaded(records, assumed)


def _unwrap(value: Json) -> Iterator[Json | _Item]:
    """Yield the records and items in a value of a file."""
    if isinstance(value, list):
        for each in value:
            yield from _unwrap(each)
    elif not isinstance(value, dict):
        yield value
    elif isinstance(value.get("Records"), list):
        yield from value["Records"]
    elif (batch := _read_on_failure_batch(value)) is not None:
        yield from batch
    elif isinstance(value.get("record"), dict) and not _OF_RECORDS.isdisjoint(value["record"]):
        yield value["record"]
    elif isinstance(value.get("Items"), list) and value.keys() <= _OF_SCANS:
        yield from map(_to_item, value["Items"])
    elif isinstance(value.get("Item"), dict) and value.keys() <= _OF_GETS:
        yield _Item(value["Item"])
    elif value.get("Responses") and value.keys() <= _OF_BATCHES:
        yield from _unwrap_responses(value["Responses"])
    else:
        yield _to_item(value)


def _read_on_failure_batch(value: Json) -> Sequence[Record] | None:
    """Return the records of an on-failure batch, or None if this is something else, such as an item with a payload."""
    try:
        return on_failure_batch.read_records(json.dumps(value).encode())
    except ValueError:
        return None


def _unwrap_responses(responses: Json) -> Iterator[Json | _Item]:
    """Yield the items of `batch-get-item`, whose tables are known, or of `transact-get-items`."""
    if isinstance(responses, dict):
        for table, items in responses.items():
            yield from [_Item(item, table) if isinstance(item, dict) else item for item in items]
    else:
        yield from _unwrap(responses)


def _to_item(value: Json) -> Json | _Item:
    """Return a stream record as it is, and mark anything else that has attributes as an item."""
    is_item = isinstance(value, dict) and value and _OF_RECORDS.isdisjoint(value) and not _is_body(value)
    return _Item(value) if is_item else value


def _is_body(value: Mapping[str, Json]) -> bool:
    """Return whether this is the inner part of a stream record, as in an incremental export."""
    return isinstance(value.get("Keys"), dict) and ("NewImage" in value or "OldImage" in value)


def _complete(
    found: Json | _Item, layouts: Sequence[TableLayout], table: str, number: int, now: int
) -> tuple[Record, str]:
    """Return the record of an item, or a record with all that the function needs; and what was assumed."""
    if isinstance(found, _Item):
        image = to_image(found.attributes)
        assumed = find_table(image, layouts, found.table or table)
        if assumed is None:
            raise LocalError(_explain_keys(image, layouts, found.table or table))
        note = (
            f"items are tried as inserts into the table {assumed.name} with the keys {' and '.join(assumed.key_names)}"
            f"{'' if found.table or table else _OTHER_NAME}"
        )
        return to_record(image, assumed.key_names, to_stream_arn(assumed.name), number, now), note
    if not isinstance(found, dict):
        return found, ""
    record = _to_whole_record(found, number, now) if _is_body(found) else _with_time(found)
    body = record.get("dynamodb")
    if read_identity(record).table or not isinstance(body, dict) or not isinstance(body.get("Keys"), dict):
        return record, ""
    assumed = find_table(body["Keys"], layouts, table)
    name = table or (assumed.name if assumed else "unknown")
    note = f"records without a table's name are tried with the table's name {name}{'' if table else _OTHER_NAME}"
    return {**record, "eventSourceARN": to_stream_arn(name)}, note


def _explain_keys(image: Mapping[str, Json], layouts: Sequence[TableLayout], table: str) -> str:
    """Return the error of an item that has the keys of no layout."""
    wanted = [
        f"layout {number} is for {layout}"
        for number, layout in enumerate(layouts, 1)
        if not table or layout.table.match(table) is not None
    ]
    return (
        "is a plain item, but it does not have the key attributes of any layout; it has "
        f"{', '.join(image)}; {'; '.join(wanted) or f'no layout is for the table {table}'}"
    )


def _to_whole_record(body: Mapping[str, Json], number: int, now: int) -> Record:
    """Return a record with this inner part."""
    kind = "INSERT" if not body.get("OldImage") else "MODIFY" if body.get("NewImage") else "REMOVE"
    more = {"SequenceNumber": str(number), "ApproximateCreationDateTime": now, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return {
        "eventName": kind,
        "dynamodb": more | {name: body[name] for name in ("Keys", "NewImage", "OldImage") if name in body},
    }


def _with_time(record: Record) -> Record:
    """Replace a time as the AWS CLI writes it by seconds since the epoch, as Lambda does."""
    body = record.get("dynamodb")
    text = body.get("ApproximateCreationDateTime") if isinstance(body, dict) else None
    if not isinstance(text, str):
        return record
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except ValueError:
        return record
    return {**record, "dynamodb": {**body, "ApproximateCreationDateTime": seconds}}
