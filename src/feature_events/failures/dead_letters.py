"""Keeps a refused record in S3, with its reason, so that it stops nobody and is not lost.

It has the little time that an invocation has left: a record that could not be put is retried by Lambda.
"""

from functools import partial
from typing import TYPE_CHECKING

from feature_events.aws.clients import ask_within, make_dead_letter_client
from feature_events.aws.errors import Action
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.failures.dead_letter import DeadLetter, to_dead_letter
from feature_events.records.position import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
            raise Undelivered("there is no dead-letter store: set DEAD_LETTER_BUCKET")
        if not deadline.remaining():
            raise Undelivered("there was no time left to write it: see how long Kafka and S3 take")
        letter = to_dead_letter(record, poison, self._prefix)
        action = Action("s3:PutObject", f"{letter.key} cannot be written")
        try:
            ask_within(deadline.remaining() + PUT_SECONDS, partial(self._put, self._bucket, letter), action)
        except Misconfigured as error:
            raise Undelivered(str(error)) from None  # the rest of the batch is published all the same
        return letter.key

    def _put(self, bucket: str, letter: DeadLetter) -> None:
        self._s3 = self._s3 or make_dead_letter_client()
        self._s3.put_object(Bucket=bucket, Key=letter.key, Body=letter.body, ContentType="application/json")
