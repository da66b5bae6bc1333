"""Backfill a table whose read capacity is too small, on a virtual clock.

The tables, workers, announcers and boto3 are real. The invocations and their retries follow the state machine.
"""

import json
import random
from typing import Any, NamedTuple
from unittest.mock import patch

from feature_events import metrics
from feature_events.backfills.work import WORK_SECONDS, Announcement, Pace, Worker
from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.tables.table import Tables
from local.paths import ROOT
from tests.simulation.cluster import silence
from tests.support.backfills import KEY_NAMES, MemoryCheckpoints, to_plan, to_scanned
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.modelled_dynamodb import ModelledTable, ReadCapacity
from tests.support.pipelines import to_pipeline
from tests.support.virtual_time import VirtualTime

_STATES = json.loads((ROOT / "statemachines" / "backfill.asl.json").read_text())["States"]
_RETRY = _STATES["Announce"]["ItemProcessor"]["States"]["Work"]["Retry"][-1]
_INVOCATION_SECONDS = 895.0
_DELIVERY_SECONDS = 20.0
_LATENCY_SECONDS = 0.05
"""The start of an invocation and its reads and writes of a checkpoint."""


class ThrottledRun(NamedTuple):
    """The result of a run."""

    items: int
    """The items of the table."""
    announced: int
    """The items that have an event."""
    events: int
    """All events."""
    seconds: float
    retries: int
    error: str
    """The error that ended the run; empty if it is complete."""

    @property
    def events_per_item(self) -> float:
        """The mean number of events of an announced item."""
        return self.events / max(1, self.announced)


def run_throttled(units_per_second: float, items: int, **request: Any) -> ThrottledRun:  # noqa: ANN401  # the request's
    """Backfill a table with this read capacity and these small items, by default with the default request."""
    clock = VirtualTime()
    capacity = ReadCapacity(units_per_second, clock)
    table = ModelledTable([to_scanned(f"user-{number}") for number in range(items)], KEY_NAMES, capacity, clock)
    machine = _StateMachine(clock, **{"segments": 100, **request})
    state = random.getstate()
    random.seed(units_per_second)  # botocore's waits are random, too
    try:
        with table.connected(), silence(), patch.object(metrics, "emit", lambda *_: None):
            clock.run_all([machine.work] * machine.plan.request.workers)
    finally:
        random.setstate(state)
    log = machine.publisher.log
    return ThrottledRun(
        items, len({each.key for each in log}), len(log), machine.ended_at, machine.retries, machine.error
    )


class _StateMachine:
    """The Map state of a run, and what it has done."""

    def __init__(self, clock: VirtualTime, **request: Any) -> None:  # noqa: ANN401  # the request's fields
        self.plan = to_plan(**request)
        self.publisher = FakePublisher()
        self.retries = 0
        self.error = ""
        self.ended_at = 0.0
        self._clock = clock
        self._pipeline = to_pipeline(self.publisher, FakeDeadLetters())
        self._checkpoints = MemoryCheckpoints()
        self._segments = list(range(self.plan.request.segments))

    def work(self) -> None:
        """Process segments one after another, like one of the concurrent children."""
        while self._segments and not self.error:
            segment = self._segments.pop(0)
            while not self._work(segment) and not self.error:
                pass
        self.ended_at = max(self.ended_at, self._clock())

    def _work(self, segment: int) -> bool:
        """Run the state Work with its retries. Return True if the segment is complete."""
        for retry in range(_RETRY["MaxAttempts"] + 1):
            try:
                return self._invoke(segment)
            except Undelivered as error:
                if retry == _RETRY["MaxAttempts"]:
                    self.error = str(error)
            if self.error:  # the failure of one child ends the run
                break
            self.retries += 1
            wait = min(_RETRY["IntervalSeconds"] * _RETRY["BackoffRate"] ** retry, _RETRY["MaxDelaySeconds"])
            self._clock.sleep(random.uniform(0, wait))  # noqa: S311  # the jitter
        return False

    def _invoke(self, segment: int) -> bool:
        """Invoke the function for the step `work`."""
        clock, rate = self._clock, self.plan.request.items_per_second
        clock.sleep(_LATENCY_SECONDS)
        end = Deadline(_INVOCATION_SECONDS, clock)
        tables, pace = Tables(clock.sleep, end), Pace(rate, clock, clock.sleep)
        announcement = Announcement(self.plan, self._pipeline, tables, _DELIVERY_SECONDS, "request")
        worker = Worker(self.plan, announcement, self._checkpoints, pace, clock)
        return worker.work(segment, Deadline(WORK_SECONDS, clock), end)
