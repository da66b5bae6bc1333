"""Run the deployed backfill on a table that is written meanwhile."""

import itertools
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from local.application.deployment import Deployment
from local.servers.kafka import Kafka
from local.servers.topic import TOPIC, Received
from tests.support.topics import read_topic
from tests.template.deployment.account import Account

NAME = "backfilled"
SEGMENTS = 4
SMALL_ITEMS = 12
PERSON = "person-of-"
"""The prefix of every entity id. Text that contains it contains personal data."""
LIMIT_SECONDS = 180.0


class Result(NamedTuple):
    """The result of an execution: its report, or its error."""

    arn: str
    report: Any
    error: str
    message: str


class Backfill:
    """The deployed state machine, and its default table."""

    def __init__(self, account: Account, deployed: Deployment, table: str, kafka: Kafka) -> None:
        self.account = account
        self.table = table
        self.kafka = kafka
        self._states = account.stack.clients.states
        self._machine = deployed.outputs["BackfillStateMachineArn"]
        self._bucket = deployed.outputs["FailureBucketName"]

    def start(self, name: str = "", **request: object) -> str:
        """Start an execution, by default for this table, and return its ARN."""
        body = {"table": self.table, "segments": SEGMENTS, "workers": SEGMENTS, **request}
        started = self._states.start_execution(
            stateMachineArn=self._machine, name=name or uuid4().hex, input=json.dumps(body)
        )
        return started["executionArn"]

    def wait(self, arn: str) -> Result:
        """Wait for an execution, and return its result."""
        end = time.monotonic() + LIMIT_SECONDS
        while (found := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution is still running"
            time.sleep(0.2)
        if found["status"] == "SUCCEEDED":
            return Result(arn, json.loads(found["output"]), "", "")
        return Result(arn, None, found["error"], json.loads(found["cause"])["errorMessage"])

    def stop(self, arn: str) -> None:
        """Stop an execution."""
        self._states.stop_execution(executionArn=arn)

    def run(self, name: str = "", **request: object) -> Result:
        """Start an execution, and wait for it."""
        return self.wait(self.start(name, **request))

    def copy_run(self, run: str, other: str) -> None:
        """Copy the plan and the checkpoints of a run."""
        s3, bucket = self.account.stack.clients.s3, self._bucket
        for stored in s3.list_objects_v2(Bucket=bucket, Prefix=f"backfills/{run}/")["Contents"]:
            source = {"Bucket": bucket, "Key": stored["Key"]}
            s3.copy_object(Bucket=bucket, Key=stored["Key"].replace(run, other), CopySource=source)  # type: ignore[arg-type]  # a plain dict

    def make_small_table(self) -> str:
        """Create a table with a few items, which no stream function reads."""
        (table,) = self.account.make_tables(1)
        for number in range(SMALL_ITEMS):
            self.put(to_item(number, 0), table)
        return table

    def put(self, item: dict[str, Any], table: str = "") -> None:
        """Write an item, by default to this table."""
        self.account.stack.clients.tables.Table(table or self.table).put_item(Item=item)

    def get_item(self, number: int) -> Any:  # noqa: ANN401  # an item
        """Return an item as it is now."""
        table = self.account.stack.clients.tables.Table(self.table)
        key = {name: value for name, value in to_item(number, 0).items() if name != "features"}
        return table.get_item(Key=key, ConsistentRead=True)["Item"]

    @contextmanager
    def configured(self, name: str, value: str) -> Iterator[None]:
        """Set a property of the topic within the context."""
        self._configure(name, value, AlterConfigOpType.SET)
        yield
        self._configure(name, value, AlterConfigOpType.DELETE)

    def _configure(self, name: str, value: str, operation: AlterConfigOpType) -> None:
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(LIMIT_SECONDS)

    def read_history(self, arn: str) -> Iterator[str]:
        """Yield the descriptions and histories of an execution and of the executions of its Map state."""
        for each in self._states.list_map_runs(executionArn=arn)["mapRuns"]:
            children = self._states.list_executions(mapRunArn=each["mapRunArn"])["executions"]
            for child in children:
                yield from self.read_history(child["executionArn"])
        yield str(self._states.describe_execution(executionArn=arn))
        for page in self._states.get_paginator("get_execution_history").paginate(executionArn=arn):
            yield str(page["events"])

    def read_events(self) -> list[Received]:
        """Read the topic."""
        return read_topic(self.kafka.bootstrap, TOPIC)


@contextmanager
def writing(backfill: Backfill, hot: int, alternating: int) -> Iterator[None]:
    """Write two items until the context ends: one has a new state each time, the other alternates between two."""
    is_over = threading.Event()

    def write(number: int, versions: Iterator[int]) -> None:
        while not is_over.is_set():
            backfill.put(to_item(number, next(versions)))

    writers = ((hot, itertools.count(2)), (alternating, itertools.cycle((2, 3))))
    threads = [threading.Thread(target=write, args=writer) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def to_item(number: int, version: int) -> dict[str, Any]:
    """Make an item whose only feature is named after the version."""
    features = {"data": {f"version_{version}": 5}, "meta": {"updated_at": "2025-01-01T00:00:00Z"}}
    return {"device_id": f"{PERSON}{number}", "category": "health", "features": features}


def wait_for_events(backfill: Backfill, number: int) -> None:
    """Wait until the topic contains this many events."""
    end = time.monotonic() + LIMIT_SECONDS
    while len(backfill.read_events()) < number:
        assert time.monotonic() < end, "events are missing"
        time.sleep(0.2)


def wait_for_live_events(backfill: Backfill, number: int) -> list[Received]:
    """Wait until the topic contains this many events of the stream, and return all its events."""
    end = time.monotonic() + LIMIT_SECONDS
    while sum(map(is_live, events := backfill.read_events())) < number:
        assert time.monotonic() < end, "live events are missing"
        time.sleep(0.5)
    return events


def kill_workers(aws: str) -> int:
    """Kill the processes of the backfill function on this stack, and return their number."""
    killed = 0
    wanted = {f"AWS_LAMBDA_FUNCTION_NAME={NAME}-backfill", f"AWS_ENDPOINT_URL={aws}"}
    for process in Path("/proc").iterdir():
        try:
            if wanted <= set((process / "environ").read_text().split("\0")):
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except (OSError, ValueError):  # not a process, inaccessible, or already gone
            continue
    return killed


def is_live(event: Received) -> bool:
    """Return whether an event comes from the stream."""
    return "ce_sequence" in dict(event.headers)


def to_id(event: Received) -> bytes:
    """Return an event's id."""
    return dict(event.headers)["ce_id"]


def to_position(event: Received) -> tuple[int, int, int]:
    """Return an event's position in the order of the state rule."""
    return event.timestamp_ms, int(dict(event.headers).get("ce_sequence", -1)), event.offset
