"""Store the progress of a run in the failure bucket.

A segment's position is a key, which can identify a user. Many people may read an execution's history, so it contains
only the numbers of segments.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import Any, NamedTuple

from feature_events.aws.clients import call, make_failure_store_client
from feature_events.aws.errors import Action
from feature_events.aws.objects import ObjectFolder
from feature_events.backfills.plan import Plan
from feature_events.backfills.request import BackfillRequest
from feature_events.errors import Misconfigured
from feature_events.records.change import Item, to_record_keys, to_request_keys

PREFIX = "backfills/"

REJECTED = "Kafka rejected the event: "
"""The start of each reason from Kafka."""

FIRST_PAGE_ITEMS = 100
"""The maximum size of an invocation's first page is half of this, because the table's capacity is unknown."""


class Progress(NamedTuple):
    """The progress of a segment, and its items by outcome."""

    after: Item | None = None
    """The key of the last item that is done; None at the beginning and at the end."""
    is_complete: bool = False
    items: int = 0
    delivered: int = 0
    again: int = 0
    """The delivered events that were sent once more since their items had changed."""
    skipped: Mapping[str, int] = {}
    """Items by reason."""
    poison: Mapping[str, int] = {}
    """Items by reason, with those whose event Kafka rejected (`REJECTED`)."""
    seconds: float = 0.0
    attempt: int = 0
    """The number of invocations that have begun to work on the segment."""
    still_changing: int = 0
    """The items that changed in every round of resends."""
    rejected_in_a_row: int = 0
    """The events that Kafka rejected since the last page with a delivered event."""
    page_items: int = FIRST_PAGE_ITEMS
    """The maximum size of the next page."""
    pages: int = 0
    """The pages that are done."""
    verdicts: Mapping[str, int] = {}
    """With `missing_only`, the items by verdict."""
    candidates: tuple[str, ...] = ()
    """The names of the stored candidates for the next look."""
    read_ms: int = 0
    """When the last page had been read, in milliseconds since the epoch."""


def find_runs(bucket: str, start: str) -> Iterator[str]:
    """Yield the names of the stored runs that start with this text.

    Raises:
        Misconfigured: the permission to list them is missing.
        Undelivered: S3 did not respond.

    """
    paginator = make_failure_store_client().get_paginator("list_objects_v2")
    pages = iter(paginator.paginate(Bucket=bucket, Prefix=f"{PREFIX}{start}", Delimiter="/"))
    action = Action("s3:ListBucket", f"the bucket {bucket} cannot be listed")
    while page := call(partial(next, pages, None), action):
        for found in page.get("CommonPrefixes", []):
            yield found["Prefix"].removeprefix(PREFIX).removesuffix("/")


class Checkpoints:
    """The plan and the progress of one run: the objects `backfills/RUN/plan.json` and `backfills/RUN/SEGMENT.json`.

    The progress of later looks is in `backfills/RUN/look-NUMBER/SEGMENT.json`.

    Every method raises Misconfigured if a permission is missing or the stored object is not a checkpoint, and
    Undelivered if S3 did not respond.
    """

    def __init__(self, bucket: str, run: str) -> None:
        self.folder = ObjectFolder(bucket, f"{PREFIX}{run}/")
        self.place = ""

    def of_look(self, look: int) -> "Checkpoints":
        """Return the checkpoints of the segments of this look."""
        checkpoints = copy(self)
        checkpoints.place = f"look-{look}/" if look else ""
        return checkpoints

    def read_plan(self) -> Plan | None:
        """Return the run's plan, or None if the run does not exist."""
        return self._read("plan", _to_plan)

    def write_plan(self, plan: Plan) -> None:
        """Save the plan."""
        self._write("plan", {**plan._asdict(), "request": plan.request._asdict()})

    def read(self, segment: int) -> Progress:
        """Return the progress of a segment."""
        return self._read(f"{self.place}{segment}", _to_progress) or Progress()

    def write(self, segment: int, progress: Progress) -> None:
        """Save the progress of a segment."""
        # JSON has no binary. The form of a stream record is unambiguous, because each key has its type next to it
        after = progress.after and to_record_keys(progress.after)
        self._write(f"{self.place}{segment}", {**progress._asdict(), "after": after})

    def _read[T](self, name: str, to_value: Callable[[Any], T]) -> T | None:
        body = self.folder.read(f"{name}.json")
        if body is None:
            return None
        try:
            return to_value(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise Misconfigured(
                f"{self.folder.name(name)}.json is not a backfill checkpoint of this version: omit `run` to start a "
                "new run"
            ) from None

    def _write(self, name: str, stored: Mapping[str, Any]) -> None:
        self.folder.write(f"{name}.json", json.dumps(stored).encode())


def _to_plan(stored: Any) -> Plan:  # noqa: ANN401  # any JSON
    request = BackfillRequest(**stored["request"])
    return Plan(**{**stored, "request": request, "key_names": tuple(stored["key_names"])})


def _to_progress(stored: Any) -> Progress:  # noqa: ANN401  # any JSON
    after, candidates = stored["after"], tuple(stored.get("candidates", ()))
    return Progress(**{**stored, "after": after and to_request_keys(after), "candidates": candidates})
