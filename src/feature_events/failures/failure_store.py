"""Read undelivered records from the failure bucket, and archive finished objects.

The bucket contains two kinds of objects: dead letters with one record each, which the function writes, and on-failure
batches, which Lambda writes when their records grow too old.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feature_events.aws.clients import PARALLEL, call, call_or_none, make_failure_store_client
from feature_events.aws.errors import Action, classify_refusal
from feature_events.errors import Misconfigured
from feature_events.failures.dead_letters import read_record
from feature_events.failures.on_failure_batch import find_obstacle, read_records
from feature_events.records.stream_record import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import DeleteTypeDef

REDRIVEN_PREFIX = "redriven/"
"""The prefix of archived objects, followed by the former key."""

MOST_BYTES = 32_000_000
"""The maximum size of an object: five times Lambda's largest batch, since an on-failure batch can escape its quotes."""

_MAX_KEYS_PER_DELETE = 1_000
_MISSING = ("NoSuchKey", "404")


class StoredObject(NamedTuple):
    """An object that has not been read yet."""

    key: str
    size: int
    """In bytes."""


class Failure(NamedTuple):
    """An object that was read."""

    key: str
    body: bytes
    records: Sequence[StreamRecord] | None
    """In stream order; None if they cannot be read."""
    is_dead_letter: bool
    obstacle: str = ""
    """The reason why the records cannot be read."""


class FailureStore:
    """The failure bucket.

    Every method raises Misconfigured if a permission is missing or the bucket belongs to another account, and
    Undelivered if S3 did not respond or the request may succeed later.
    """

    def __init__(self, bucket: str, dead_letter_prefix: str) -> None:
        self._bucket = bucket
        self._dead_letter_prefix = dead_letter_prefix
        self._s3 = make_failure_store_client()

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """List the objects with this prefix, without empty ones such as that of the preflight check."""
        action = Action("s3:ListBucket", f"the bucket {self._bucket} cannot be listed")
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while page := call(partial(next, pages, None), action):
            for found in page.get("Contents", []):
                if found["Size"]:
                    yield StoredObject(found["Key"], found["Size"])

    def find(self, keys: Iterable[str]) -> Iterator[StoredObject]:
        """Return those of these objects that exist."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            yield from filter(None, pool.map(self._find_one, keys))

    def read(self, objects: Sequence[StoredObject]) -> Sequence[Failure]:
        """Read objects, without those that no longer exist.

        An object that the role is not allowed to read has no records.
        """
        with ThreadPoolExecutor(PARALLEL) as pool:
            return [failure for failure in pool.map(self._read_one, objects) if failure is not None]

    def move(self, failures: Sequence[Failure]) -> None:
        """Move objects to `redriven/`. An object is deleted only after it was copied."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._copy_one, failures))
        for start in range(0, len(failures), _MAX_KEYS_PER_DELETE):
            self._delete([failure.key for failure in failures[start : start + _MAX_KEYS_PER_DELETE]])

    def _find_one(self, key: str) -> StoredObject | None:
        head = partial(self._s3.head_object, Bucket=self._bucket, Key=key)
        found = call_or_none(head, _to_reading(key), _MISSING)
        return None if found is None else StoredObject(key, found["ContentLength"])

    def _read_one(self, stored: StoredObject) -> Failure | None:
        key, is_dead_letter = stored.key, stored.key.startswith(self._dead_letter_prefix)
        if stored.size > MOST_BYTES:
            obstacle = f"neither a dead letter nor an on-failure batch: it has more than {MOST_BYTES:,} bytes"
            return Failure(key, b"", None, is_dead_letter, obstacle)
        try:
            body = call_or_none(partial(self._get, key), _to_reading(key), _MISSING)
        except Misconfigured as error:  # for example, a KMS key of only a few objects
            return Failure(key, b"", None, is_dead_letter, str(error))
        if body is None:
            return None
        try:
            records = [read_record(body)] if is_dead_letter else read_records(body)
        except ValueError:
            return Failure(key, body, None, is_dead_letter, find_obstacle(body))
        return Failure(key, body, records, is_dead_letter)

    def _get(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def _copy_one(self, failure: Failure) -> None:
        key = f"{REDRIVEN_PREFIX}{failure.key}"
        put = partial(self._s3.put_object, ContentType="application/json")
        action = Action("s3:PutObject", f"{key} cannot be written")
        call(partial(put, Bucket=self._bucket, Key=key, Body=failure.body), action)

    def _delete(self, keys: Sequence[str]) -> None:
        objects: DeleteTypeDef = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        response = call(partial(self._s3.delete_objects, Bucket=self._bucket, Delete=objects), _to_deletion(keys[0]))
        for refused in response.get("Errors", []):
            raise classify_refusal(refused.get("Code", ""), _to_deletion(refused.get("Key", "")))


def _to_reading(key: str) -> Action:
    return Action("s3:GetObject", f"{key} cannot be read")


def _to_deletion(key: str) -> Action:
    return Action("s3:DeleteObject", f"{key} cannot be deleted")
