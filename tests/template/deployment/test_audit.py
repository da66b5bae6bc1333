"""A backfill with `missing_only` announces exactly the items whose events are missing or outdated."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from local.servers.topic import create_topic
from tests.support.topics import read_topic
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn
from tests.template.deployment.backfill_runs import PERSON

NAME = "audited"
ITEMS, MISSING, OUTDATED, WRITES = 1_000, 100, 20, 50
LIMIT_SECONDS = 180.0


class Audited:
    """A deployed application, and a table some of whose writes were lost."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.topic = f"audited-{uuid4().hex[:8]}"
        create_topic(account.stack.kafka, self.topic, 3)
        ((self.table, self.stream),) = account.make_tables(1).items()
        parameters = {**NO_REGISTRY, "TableArns": to_table_arn(self.stream), "TopicName": self.topic}
        deployed = account.deploy(NAME, parameters)
        self._machine = deployed.outputs["BackfillStateMachineArn"]
        self.executions: list[str] = []

    def put(self, numbers: range, version: int) -> None:
        """Write items with the current time."""
        with self.account.stack.clients.tables.Table(self.table).batch_writer() as batch:
            for number in numbers:
                batch.put_item(Item=to_item(number, version))

    def lose(self, write: Callable[[], None]) -> None:
        """Write while the table has no stream, and attach its new stream."""
        dynamodb = self.account.stack.clients.dynamodb
        self.account.delete_attachments(NAME)
        dynamodb.update_table(TableName=self.table, StreamSpecification={"StreamEnabled": False})
        write()
        view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        made = dynamodb.update_table(TableName=self.table, StreamSpecification=view)  # type: ignore[arg-type]  # a plain dict
        self.account.attach(NAME, made["TableDescription"]["LatestStreamArn"])

    def wait_for_events(self, number: int) -> None:
        """Wait until the topic has this many events."""
        end = time.monotonic() + LIMIT_SECONDS
        while len(read_topic(self.account.stack.kafka, self.topic)) < number:
            assert time.monotonic() < end, "events are missing"
            time.sleep(0.5)

    def run(self, **request: object) -> Any:  # noqa: ANN401  # the report
        """Run an execution with `missing_only`, and return its report."""
        states = self.account.stack.clients.states
        body = {"table": self.table, "segments": 4, "workers": 4, "missing_only": True, **request}
        arn = states.start_execution(stateMachineArn=self._machine, input=json.dumps(body))["executionArn"]
        self.executions.append(arn)
        end = time.monotonic() + LIMIT_SECONDS
        while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < end, "the execution is still running"
            time.sleep(0.2)
        assert found["status"] == "SUCCEEDED", found
        return json.loads(found["output"])

    def read_history(self, arn: str) -> Iterator[str]:
        """Yield the descriptions and histories of an execution and of its children."""
        states = self.account.stack.clients.states
        for each in states.list_map_runs(executionArn=arn)["mapRuns"]:
            for child in states.list_executions(mapRunArn=each["mapRunArn"])["executions"]:
                yield from self.read_history(child["executionArn"])
        yield str(states.describe_execution(executionArn=arn))
        for page in states.get_paginator("get_execution_history").paginate(executionArn=arn):
            yield str(page["events"])


def to_item(number: int, version: int) -> dict[str, Any]:
    """Make an item with its own time, whose only feature is named after the version."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    features = {"data": {f"version_{version}": 5}, "meta": {"updated_at": now, "compute_id": f"job-{version}"}}
    return {"device_id": f"{PERSON}{number}", "category": "health", "features": features}


def select(report: Any) -> tuple[int, ...]:  # noqa: ANN401  # a report
    """Return the counts of a report."""
    names = ("items", "announced", "missing", "outdated", "unjudged", "delivered", "deliverable")
    return tuple(report[name] for name in names)


@pytest.fixture(scope="module")
def audited(account: Account) -> Iterator[Audited]:
    """Announce most items, then lose the writes of new items and of changed ones."""
    audited = Audited(account)
    account.attach(NAME, audited.stream)
    audited.put(range(ITEMS - MISSING), 0)
    audited.wait_for_events(ITEMS - MISSING)

    def write() -> None:
        audited.put(range(ITEMS - MISSING, ITEMS), 0)
        audited.put(range(OUTDATED), 1)

    audited.lose(write)
    yield audited
    account.delete(NAME)


def test_audit__finds_and_repairs_exactly_what_was_lost(audited: Audited) -> None:
    """A dry run counts, also during live writes. The repair sends only these events. A second audit finds nothing."""
    same = ITEMS - MISSING - OUTDATED
    with ThreadPoolExecutor() as pool:
        report = pool.submit(audited.run, dry_run=True)
        for number in range(WRITES):
            audited.put(range(OUTDATED + number, OUTDATED + number + 1), 2)
            time.sleep(0.1)
        expected = (ITEMS, same, MISSING, OUTDATED, 0, 0, MISSING + OUTDATED)
        assert select(report.result()) == expected
    before = len(read_topic(audited.account.stack.kafka, audited.topic))
    assert select(audited.run()) == (ITEMS, same, MISSING, OUTDATED, 0, MISSING + OUTDATED, 0)
    sent = read_topic(audited.account.stack.kafka, audited.topic)
    wanted = [*range(OUTDATED), *range(ITEMS - MISSING, ITEMS)]
    assert len(sent) == before + MISSING + OUTDATED
    backfilled = [each.key.decode() for each in sent if "ce_backfill" in dict(each.headers)]
    assert sorted(backfilled) == sorted(f"{PERSON}{number}" for number in wanted)
    assert select(audited.run(dry_run=True)) == (ITEMS, ITEMS, 0, 0, 0, 0, 0)


def test_audit__shows_no_entity_id(audited: Audited) -> None:
    """The executions of the audit contain only numbers and names. Keys are only in the failure bucket."""
    texts = [text for arn in audited.executions for text in audited.read_history(arn)]
    assert any("partition" in text for text in texts)
    assert [text for text in texts if PERSON in text] == []
