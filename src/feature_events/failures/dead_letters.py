"""Store rejected records in S3 with the reason, so that they are not lost and do not block their shard.

Only the rest of an invocation's time is available. Lambda retries a record that could not be stored.
"""

import hashlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feature_events.aws.clients import call_within, make_dead_letter_client
from feature_events.aws.errors import Action
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.records.stream_record import RecordIdentity, StreamRecord, read_identity
from feature_events.syntax import InvalidJson, parse_json

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVENT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")

PUT_SECONDS = 3.0
"""The time that a put may take after its deadline."""


class DeadLetter(NamedTuple):
    """A rejected record as an S3 object."""

    key: str
    """The same record always has the same key, so a retry replaces the object."""
    body: bytes


def to_dead_letter(record: StreamRecord, poison: PoisonRecord, prefix: str) -> DeadLetter:
    """Convert a record to JSON with `reason`, `table`, `sequence_number`, `redrive` and the unchanged `record`."""
    identity = read_identity(record)
    key = f"{prefix}{_to_key_part(identity.table or 'unknown')}/{_to_name(record, identity)}.json"
    body = {
        "reason": str(poison),
        "table": identity.table,
        "sequence_number": identity.sequence_number,
        "redrive": f'Fix the cause, then invoke the redrive function with {{"keys": ["{key}"]}}.',
        "record": record,
    }
    return DeadLetter(key, json.dumps(body).encode())


def read_record(body: bytes) -> StreamRecord:
    """Return the record in a dead letter. Any JSON value is possible.

    Raises:
        ValueError: the body is not a dead letter.

    """
    try:
        record: StreamRecord = parse_json(body)["record"]
    except (InvalidJson, KeyError, TypeError):
        raise ValueError("not a dead letter") from None
    return record


def _to_name(record: StreamRecord, identity: RecordIdentity) -> str:
    """Return a name that is unique among the table's records.

    The redrive sorts by the sequence number, which AWS documents as unique only within a shard. An eventID is "globally
    unique" (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html), so it follows. If
    it cannot be part of a key, a digest of the record replaces it.
    """
    if identity.sequence_number is None:
        return _to_digest(record)
    is_usable = identity.event_id is not None and _EVENT_ID.fullmatch(identity.event_id)
    return f"{identity.sequence_number}-{identity.event_id if is_usable else _to_digest(record)}"


def _to_digest(record: StreamRecord) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _to_key_part(name: str) -> str:
    """Replace all characters that are not safe in an object key."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name[:255]
    )


class DeadLetters:
    """The dead letters in the failure bucket: one object per record."""

    def __init__(self, bucket: str | None, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._s3: S3Client | None = None

    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """Store a record and return the object's key.

        A put can take until `PUT_SECONDS` after the deadline. If it fails, the object may still have been stored; a
        retry replaces it.

        Raises:
            Undelivered: there is no bucket or no time left, or S3 did not accept the object.

        """
        if self._bucket is None:
            raise Undelivered("no bucket for dead letters: set FAILURE_BUCKET")
        if not deadline.remaining():
            raise Undelivered("no time left to write the dead letter: check how long Kafka and S3 take")
        letter = to_dead_letter(record, poison, self._prefix)
        action = Action("s3:PutObject", f"{letter.key} cannot be written")
        try:
            call_within(deadline.remaining() + PUT_SECONDS, partial(self._put, self._bucket, letter), action)
        except Misconfigured as error:
            raise Undelivered(str(error)) from None  # the rest of the batch can still be published
        return letter.key

    def _put(self, bucket: str, letter: DeadLetter) -> None:
        self._s3 = self._s3 or make_dead_letter_client()
        self._s3.put_object(Bucket=bucket, Key=letter.key, Body=letter.body, ContentType="application/json")
