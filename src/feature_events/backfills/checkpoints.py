"""Keeps how far a run is, in the failure bucket: where a segment goes on may name a person.

It must not stand in an execution's history, which many may read, so that has the numbers of segments alone.
"""

import base64
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from feature_events.aws.clients import call, call_or_none, make_failure_store_client
from feature_events.aws.errors import Action
from feature_events.backfills.request import Request
from feature_events.errors import Misconfigured
from feature_events.records.change import Item

PREFIX = "backfills/"

_BASE64 = "base64"
_MISSING = ("NoSuchKey", "404")


class Plan(NamedTuple):
    """What a run does."""

    request: Request
    table_arn: str
    key_names: tuple[str, ...]
    as_of_ms: int
    """When the run began, in milliseconds since the epoch: the time of its messages, and of items without their own."""


class Progress(NamedTuple):
    """How far a segment is, and what became of its items."""

    after: Item | None = None
    """The key of the last item that need not be looked at again; None at the beginning and at the end."""
    is_complete: bool = False
    items: int = 0
    delivered: int = 0
    again: int = 0
    """Of the events delivered, those that were sent once more since their items had changed."""
    skipped: Mapping[str, int] = {}
    """By reason."""
    poison: Mapping[str, int] = {}
    """By reason."""
    seconds: float = 0.0


class Checkpoints(Protocol):
    """What a run needs to keep; `StoredCheckpoints` keeps it in S3."""

    def read_plan(self) -> Plan | None:
        """What the run of this name does; None where there is none yet."""
        ...

    def write_plan(self, plan: Plan) -> None:
        """Keeps it."""
        ...

    def read(self, segment: int) -> Progress:
        """How far a segment is."""
        ...

    def write(self, segment: int, progress: Progress) -> None:
        """Keeps it."""
        ...


class StoredCheckpoints:
    """The objects `backfills/RUN/plan.json` and `backfills/RUN/SEGMENT.json`.

    Every method raises Misconfigured where a permission is missing or what is stored is no checkpoint, and Undelivered
    where S3 did not answer.
    """

    def __init__(self, bucket: str, run: str) -> None:
        self._bucket = bucket
        self._folder = f"{PREFIX}{run}/"
        self._s3 = make_failure_store_client()

    def read_plan(self) -> Plan | None:
        """See `Checkpoints.read_plan`."""
        return self._read("plan", _to_plan)

    def write_plan(self, plan: Plan) -> None:
        """See `Checkpoints.write_plan`."""
        self._write("plan", {**plan._asdict(), "request": plan.request._asdict()})

    def read(self, segment: int) -> Progress:
        """See `Checkpoints.read`."""
        return self._read(str(segment), _to_progress) or Progress()

    def write(self, segment: int, progress: Progress) -> None:
        """See `Checkpoints.write`."""
        self._write(str(segment), progress._asdict())

    def _read[T](self, name: str, to_value: Callable[[Any], T]) -> T | None:
        key = f"{self._folder}{name}.json"
        body = call_or_none(partial(self._get, key), Action("s3:GetObject", f"{key} cannot be read"), _MISSING)
        if body is None:
            return None
        try:
            return to_value(json.loads(body, object_hook=_from_json))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise Misconfigured(f"{key} is no checkpoint of a backfill: start a run of another name") from None

    def _write(self, name: str, stored: Mapping[str, Any]) -> None:
        key = f"{self._folder}{name}.json"
        put = partial(self._s3.put_object, Bucket=self._bucket, Key=key, ContentType="application/json")
        body = json.dumps(stored, default=_to_json).encode()
        call(partial(put, Body=body), Action("s3:PutObject", f"{key} cannot be written"))

    def _get(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()


def _to_plan(stored: Any) -> Plan:  # noqa: ANN401  # any JSON
    request = Request(**stored["request"])
    return Plan(**{**stored, "request": request, "key_names": tuple(stored["key_names"])})


def _to_progress(stored: Any) -> Progress:  # noqa: ANN401  # any JSON
    return Progress(**stored)


def _to_json(value: bytes) -> Mapping[str, str]:
    """A binary key's bytes, which JSON has not."""
    return {_BASE64: base64.b64encode(value).decode()}


def _from_json(stored: Any) -> Any:  # noqa: ANN401  # any JSON
    return base64.b64decode(stored[_BASE64]) if stored.keys() == {_BASE64} else stored
