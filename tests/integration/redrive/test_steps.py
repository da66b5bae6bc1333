"""Test the order of the steps of a chunk: a record is checked immediately before it is sent."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import pytest
from botocore.client import BaseClient

from feature_events.deadline import Deadline
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery, Refuse
from tests.support.failures import FakeAccount, counts, sent, write_records
from tests.support.records import number_of, to_item, to_record, to_unreadable_record

type Watch = Callable[[str, str], None]
"""Called before each request, with its operation and its object's key."""


@pytest.fixture
def watch(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Callable[[Watch], None]:
    """Return a function that sets what is called before each request to AWS and each publish."""
    watches: list[Watch] = []
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # every request passes here
    publish = account.publisher.publish

    def report(operation: str, key: str) -> None:
        for each in watches:
            each(operation, key)

    def answer(client: object, name: str, parameters: dict[str, Any]) -> object:
        report(name, parameters.get("Key", "") if name == "PutObject" else "")
        return call(client, name, parameters)

    def publish_reported(*args: Any) -> Sequence[Delivery]:  # noqa: ANN401  # the publisher's
        report("Publish", "")
        return publish(*args)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    account.publisher.publish = publish_reported  # type: ignore[assignment, method-assign]
    return watches.append


def test_redrive__checks_and_sends_one_group_after_the_other(
    account: FakeAccount, watch: Callable[[Watch], None]
) -> None:
    """Dead letters are written before and after, so that only seconds pass between a check and its send."""
    stale, poison = to_record(200, entity="gone"), to_unreadable_record(201)
    account.put_on_failure_batch(*write_records(account, *range(119)), stale, poison)
    steps: list[str] = []
    watch(lambda operation, key: steps.append(f"{operation} {key.partition('/')[0]}".strip()))
    assert counts(account.redrive(prefix="aws/lambda/")) == {"delivered": 119, "stale": 1, "poison": 1, "moved": 1}
    assert [(step, len(list(same))) for step, same in groupby(steps)] == [
        ("ListObjectsV2", 1),
        ("GetObject", 1),
        ("PutObject dead-letters", 1),
        ("GetItem", 50),
        ("Publish", 1),
        ("GetItem", 50),
        ("Publish", 1),
        ("GetItem", 20),
        ("Publish", 1),
        ("PutObject dead-letters", 1),
        ("PutObject redriven", 1),
        ("DeleteObjects", 1),
    ]


@pytest.mark.parametrize(("seconds", "most"), [(12.0, 12.0), (1.0, 10.0), (600.0, 20.0)])
def test_redrive__waits_for_kafka_until_its_own_deadline(account: FakeAccount, seconds: float, most: float) -> None:
    """A longer wait would end with the invocation, before the chunk is archived. The delivery timeout is 20 seconds."""
    account.put_on_failure_batch(*write_records(account, 1))
    waits: list[float] = []
    publish = account.publisher.publish

    def measure(messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        waits.append(deadline.remaining())
        return publish(messages, deadline, refuse)

    account.publisher.publish = measure  # type: ignore[method-assign]
    account.redrive(prefix="aws/lambda/", seconds=seconds)
    assert most - 5 < waits[0] <= most


@pytest.mark.parametrize("moment", ["PutObject dead-letters", "Publish"])
def test_redrive__finds_items_written_during_the_run(
    account: FakeAccount, watch: Callable[[Watch], None], moment: str
) -> None:
    """An item that is written before its own group is checked is stale, even if the run has started."""
    records = write_records(account, *range(60))
    account.put_on_failure_batch(to_unreadable_record(100), *records)

    def write(operation: str, key: str) -> None:
        if f"{operation} {key}".startswith(moment):
            account.write(to_record(200, entity="user-59", item=to_item(value=2)))

    watch(write)
    report = account.redrive(prefix="aws/lambda/")
    assert counts(report) == {"delivered": 59, "stale": 1, "poison": 1, "moved": 1}
    assert sent(account) == [number_of(record) for record in records[:59]]
