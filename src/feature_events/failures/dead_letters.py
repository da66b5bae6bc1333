"""Keeps a refused record in S3, with its reason, so that it stops nobody and is not lost.

It has the little time that an invocation has left: a record that could not be put is retried by Lambda.
"""

from functools import partial
from typing import TYPE_CHECKING

from feature_events.aws.clients import call_within, make_dead_letter_client
from feature_events.aws.errors import Action
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.records.stream_record import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
import hashlib
import json
import re
from typing import NamedTuple

from feature_events.json_text import InvalidJson, parse_json
from feature_events.records.stream_record import RecordIdentity, read_identity

_EVENT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class DeadLetter(NamedTuple):
    """A refused record as it is stored."""

    key: str
    """The object's key: the same record has the same key, so that a retry replaces it and adds none."""
    body: bytes


def to_dead_letter(record: StreamRecord, poison: PoisonRecord, prefix: str) -> DeadLetter:
    """The object for this record: JSON with `reason`, `table`, `sequence_number`, `redrive` and `record` as it came."""
    position = read_identity(record)
    key = f"{prefix}{_to_key_part(position.table or 'unknown')}/{_to_name(record, position)}.json"
    body = {
        "reason": str(poison),
        "table": position.table,
        "sequence_number": position.sequence_number,
        "redrive": f'Fix the cause, then invoke the redrive function with {{"keys": ["{key}"]}}.',
        "record": record,
    }
    return DeadLetter(key, json.dumps(body).encode())


def read_record(body: bytes) -> StreamRecord:
    """The record in a dead letter's body; it may be anything that a stream handed over.

    Raises:
        ValueError: the body is no dead letter's.

    """
    try:
        record: StreamRecord = parse_json(body)["record"]
    except (InvalidJson, KeyError, TypeError):
        raise ValueError("it is no dead letter") from None
    return record


def _to_name(record: StreamRecord, position: RecordIdentity) -> str:
    """What the record is called among its table's: its sequence number, by which the redrive sorts, and its eventID.

    AWS says of a number that it is unique in its shard, which the record does not name; an eventID is "globally unique"
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html). Where it is not of that
    form, the whole record's digest stands for it.
    """
    if position.sequence_number is None:
        return _to_digest(record)
    is_usable = position.event_id is not None and _EVENT_ID.fullmatch(position.event_id)
    return f"{position.sequence_number}-{position.event_id if is_usable else _to_digest(record)}"


def _to_digest(record: StreamRecord) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _to_key_part(name: str) -> str:
    """A name that is safe in an object's key, whatever an unreadable record holds."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name[:255]
    )


PUT_SECONDS = 3.0
"""How long after its deadline a put may end."""


class DeadLetters:
    """The dead-letter store: one object per record under `prefix` in `bucket`."""

    def __init__(self, bucket: str | None, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._s3: S3Client | None = None

    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """Stores the record and returns the object's key.

        A put begun before the deadline may end up to `PUT_SECONDS` after it. It may be stored all the same, as the same
        object as later.

        Raises:
            Undelivered: it is not stored: there is no bucket or no time, or S3 did not take it.

        """
        if self._bucket is None:
            raise Undelivered("there is no dead-letter store: set FAILURE_BUCKET")
        if not deadline.remaining():
            raise Undelivered("there was no time left to write it: see how long Kafka and S3 take")
        letter = to_dead_letter(record, poison, self._prefix)
        action = Action("s3:PutObject", f"{letter.key} cannot be written")
        try:
            call_within(deadline.remaining() + PUT_SECONDS, partial(self._put, self._bucket, letter), action)
        except Misconfigured as error:
            raise Undelivered(str(error)) from None  # the rest of the batch is published all the same
        return letter.key

    def _put(self, bucket: str, letter: DeadLetter) -> None:
        self._s3 = self._s3 or make_dead_letter_client()
        self._s3.put_object(Bucket=bucket, Key=letter.key, Body=letter.body, ContentType="application/json")
