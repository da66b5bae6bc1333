"""Reads what was given up, from the failure bucket, and moves what has come to an end out of the way.

Two kinds of objects are there: dead letters, with one record each, which the function put, and on-failure batches,
which Lambda put when their records grew too old.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from feature_events.aws.clients import CONFIG, PARALLEL, ask, explain, to_code, to_error
from feature_events.errors import Misconfigured
from feature_events.records.position import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import DeleteTypeDef

ON_FAILURE_PREFIX = "aws/lambda/"
"""Where Lambda puts on-failure batches."""
REDRIVEN_PREFIX = "redriven/"
"""Where an object goes, under its whole former key, once its records have come to an end."""

MOST_BYTES = 32_000_000
"""How large an object may be: five times Lambda's largest batch, whose quotes an on-failure batch escapes."""

_MOST_DELETED_AT_ONCE = 1_000
_MISSING = ("NoSuchKey", "404")


class StoredObject(NamedTuple):
    """An object by its key, and its size in bytes."""

    key: str
    size: int


class Failure(NamedTuple):
    """An object that was read."""

    key: str
    body: bytes
    records: Sequence[StreamRecord] | None
    """In stream order; None where there are none to be had."""
    is_dead_letter: bool
    obstacle: str = ""
    """Why there are none."""


class FailureStore:
    """The failure bucket. Every method raises Misconfigured where it may not, Undelivered where it cannot now."""

    def __init__(self, bucket: str, dead_letter_prefix: str) -> None:
        self._bucket = bucket
        self._dead_letter_prefix = dead_letter_prefix
        self._s3 = boto3.client("s3", config=CONFIG)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys begin so; an empty one holds no record, as that which the check puts."""
        try:
            pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
            while page := ask(partial(next, pages, None)):
                for found in page.get("Contents", []):
                    if found["Size"]:
                        yield StoredObject(found["Key"], found["Size"])
        except (ClientError, BotoCoreError) as error:
            raise to_error(error, f"s3:ListBucket on {self._bucket}") from None

    def find(self, keys: Iterable[str]) -> Iterator[StoredObject]:
        """Those of these objects that are there."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            yield from filter(None, pool.map(self._find_one, keys))

    def read(self, objects: Sequence[StoredObject]) -> Sequence[Failure]:
        """Reads objects; one that has gone meanwhile is left out, and one that may not be read has no records."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return [failure for failure in pool.map(self._read_one, objects) if failure is not None]

    def move(self, failures: Sequence[Failure]) -> None:
        """Moves objects under `redriven/`; one that is deleted has been copied before."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._copy_one, failures))
        for start in range(0, len(failures), _MOST_DELETED_AT_ONCE):
            self._delete([failure.key for failure in failures[start : start + _MOST_DELETED_AT_ONCE]])

    def _find_one(self, key: str) -> StoredObject | None:
        try:
            found = ask(partial(self._s3.head_object, Bucket=self._bucket, Key=key))
            return StoredObject(key, found["ContentLength"])
        except (ClientError, BotoCoreError) as error:
            if to_code(error) in _MISSING:
                return None
            raise to_error(error, f"s3:GetObject on {key}") from None

    def _read_one(self, stored: StoredObject) -> Failure | None:
        is_dead_letter = stored.key.startswith(self._dead_letter_prefix)
        if stored.size > MOST_BYTES:
            obstacle = f"it has more than {MOST_BYTES:,} bytes, so it is neither a dead letter nor an on-failure batch"
            return Failure(stored.key, b"", None, is_dead_letter, obstacle)
        try:
            body = ask(partial(self._get, stored.key))
        except (ClientError, BotoCoreError) as error:
            if to_code(error) in _MISSING:
                return None
            reason = to_error(error, f"s3:GetObject on {stored.key}")
            if isinstance(reason, Misconfigured):  # perhaps by a key that only a few objects have
                return Failure(stored.key, b"", None, is_dead_letter, str(reason))
            raise reason from None
        records = read_records(body, is_dead_letter=is_dead_letter)
        if records is None:
            return Failure(stored.key, body, None, is_dead_letter, find_obstacle(body))
        return Failure(stored.key, body, records, is_dead_letter)

    def _get(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def _copy_one(self, failure: Failure) -> None:
        key = f"{REDRIVEN_PREFIX}{failure.key}"
        try:
            put = partial(self._s3.put_object, ContentType="application/json")
            ask(partial(put, Bucket=self._bucket, Key=key, Body=failure.body))
        except (ClientError, BotoCoreError) as error:
            raise to_error(error, f"s3:PutObject on {key}") from None

    def _delete(self, keys: Sequence[str]) -> None:
        try:
            objects: DeleteTypeDef = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
            answer = ask(partial(self._s3.delete_objects, Bucket=self._bucket, Delete=objects))
        except (ClientError, BotoCoreError) as error:
            raise to_error(error, f"s3:DeleteObject on {keys[0]}") from None
        for refused in answer.get("Errors", []):
            raise explain(refused.get("Code", ""), f"s3:DeleteObject on {refused.get('Key')}")


def read_records(body: bytes, *, is_dead_letter: bool) -> Sequence[StreamRecord] | None:
    """The records in an object; a dead letter's may be anything that a stream handed over."""
    try:
        document = json.loads(body)
        if is_dead_letter:
            return [document["record"]]
        payload: Any = document["payload"]
        records = (json.loads(payload) if type(payload) is str else payload)["Records"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return records if type(records) is list else None


def find_obstacle(body: bytes) -> str:
    """Why an object holds no records; of what it holds only names of records are repeated, never their payload."""
    try:
        document = json.loads(body)
        information = document["DDBStreamBatchInfo"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it is neither a dead letter nor an on-failure batch"
    if document.get("payload") is not None:
        return "it is an on-failure batch whose payload holds no records"
    parts = [_read_part(information, name, form) for name, form in _BATCH_PARTS.items()]
    number, first, last, shard, stream = parts
    return (
        f"it is an on-failure batch without its payload: it only names its {number} records, {first} to {last} of "
        f"shard {shard} of {stream}; write their items again, then delete it"
    )


def _read_part(information: Any, name: str, form: str) -> str:  # noqa: ANN401  # JSON
    value = information.get(name) if type(information) is dict else None
    text = str(value) if type(value) in (str, int) else ""
    return text if re.fullmatch(form, text) else "(unknown)"


_BATCH_PARTS = {
    "batchSize": r"\d{1,6}",
    "startSequenceNumber": r"\d{1,40}",
    "endSequenceNumber": r"\d{1,40}",
    "shardId": r"shardId-[0-9a-f-]{1,60}",
    "streamArn": r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]+/stream/[0-9T:.-]+",
}
"""What Lambda says of a batch, in the order in which the obstacle names it, and the form that each part has."""
