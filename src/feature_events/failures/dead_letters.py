"""Keeps a refused record in S3, with its reason, so that it stops nobody and is not lost.

boto3 costs more to import than everything else here together, so it is imported when the first record is refused.
"""

import hashlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from feature_events.deadline import Deadline, run_within
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.records.position import StreamRecord, read_position

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The longest that one put may wait for S3; it is not tried twice, since Lambda delivers the record again
_CONNECT_SECONDS = 1
_READ_SECONDS = 2

PUT_SECONDS = 3.0
"""How long after its deadline a put may end."""


class DeadLetter(NamedTuple):
    """A refused record as it is stored."""

    key: str
    """The object's key: the same record has the same key, so that a second delivery replaces and does not add."""
    body: bytes


def to_dead_letter(record: StreamRecord, poison: PoisonRecord, prefix: str) -> DeadLetter:
    """The object for this record: JSON with `reason`, `table`, `sequence_number`, `redrive` and `record` as it came."""
    table = read_position(record).table
    number = read_position(record).sequence_number
    key = f"{prefix}{_to_key_part(table or 'unknown')}/{_to_name(record, number)}.json"
    body = {
        "reason": str(poison),
        "table": table,
        "sequence_number": number,
        "redrive": f'Mend the cause, then invoke the redrive function with {{"keys": ["{key}"]}}.',
        "record": record,
    }
    return DeadLetter(key, json.dumps(body).encode())


def _to_name(record: StreamRecord, number: str | None) -> str:
    """What the record is called among its table's: its sequence number, by which the redrive sorts, and its eventID.

    A number is told to be unique in its shard, which the record does not name; an eventID is "globally unique"
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html). Where it is not of that
    form, the whole record's digest stands for it.
    """
    if number is None:
        return _digest(record)
    event_id = record.get("eventID")
    is_usable = type(event_id) is str and re.fullmatch(r"[0-9A-Za-z-]{1,64}", event_id)
    return f"{number}-{event_id if is_usable else _digest(record)}"


def _digest(record: StreamRecord) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _to_key_part(name: str) -> str:
    """A name that is safe in an object's key, whatever an unreadable record holds."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name[:255]
    )


class DeadLetters:
    """The dead-letter store: one object per record under `prefix` in `bucket`."""

    def __init__(self, bucket: str | None, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._s3: S3Client | None = None

    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """Stores the record and returns the object's key.

        A put begun before the deadline may end up to `PUT_SECONDS` after it, also where a resolver hangs or S3 answers
        byte by byte, which no timeout of a socket ends. It may be stored all the same, as the same object as later.

        Raises:
            Undelivered: it is not stored: there is no bucket or no time, or S3 did not take it.

        """
        if self._bucket is None:
            raise Undelivered("there is nowhere to set it aside: set DEAD_LETTER_BUCKET")
        if not deadline.remaining():
            raise Undelivered("there was no time left")
        letter = to_dead_letter(record, poison, self._prefix)
        seconds = deadline.remaining() + PUT_SECONDS
        try:
            run_within(seconds, partial(self._put, self._bucket, letter))
        except TimeoutError:
            raise Undelivered(
                f"S3 did not answer within {seconds:.0f} s: check the network path to it (in a VPC: a NAT gateway or a "
                "gateway endpoint for s3, and DNS)"
            ) from None
        return letter.key

    def _put(self, bucket: str, letter: DeadLetter) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().put_object(Bucket=bucket, Key=letter.key, Body=letter.body, ContentType="application/json")
        except ClientError as error:
            raise Undelivered(f"S3 answered {error.response.get('Error', {}).get('Code', 'an error')}") from None
        except BotoCoreError as error:
            raise Undelivered(f"S3 was not reached: {type(error).__name__}") from None

    def _client(self) -> "S3Client":
        if self._s3 is None:
            import boto3
            from botocore.config import Config

            self._s3 = boto3.client(
                "s3",
                config=Config(
                    connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1}
                ),
            )
        return self._s3
