"""Redrive the dead letters of a deployed application."""

from collections.abc import Callable

import pytest

from local.application import deployment
from local.errors import LocalError
from tests.support.topics import read_topic, wait_for_topic
from tests.template.deployment.account import Account, wait_until


def test_redrive__sends_records_that_are_current(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    limit_size: Callable[[str, int], None],
) -> None:
    """It sends the records that the topic rejected, except those whose items were written since."""
    name = topic()
    ((table, stream),) = account.make_tables(1).items()
    remove("redrive")
    made = account.deploy_with("redrive", [stream], {"TopicName": name, "KafkaCompression": "none"})
    bucket, prefix = made.outputs["FailureBucketName"], f"dead-letters/{table}/"
    large = [f"feature_{number}" for number in range(200)]
    limit_size(name, 1000)
    for entity in ("same", "written-since"):
        account.put(table, "device_id", entity, large)
    rejected = wait_until(lambda: account.read_keys(bucket, prefix), 2)
    account.put(table, "device_id", "written-since")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"written-since"]
    limit_size(name, 1_000_000)

    request = {"prefix": prefix}
    dry_run = account.redrive("redrive", **request, dry_run=True)
    assert (dry_run["deliverable"], dry_run["stale"], dry_run["moved"]) == (1, 1, 0)
    assert account.read_keys(bucket, prefix) == rejected

    report = account.redrive("redrive", **request)
    assert report["complete"] is True
    assert (report["records"], report["delivered"], report["stale"], report["moved"]) == (2, 1, 1, 1)
    (stale,) = account.read_keys(bucket, prefix)
    assert [(each["object"], each["end"]) for each in report["examples"]] == [(stale, "stale")]
    assert account.read_keys(bucket, "redriven/") == {f"redriven/{key}" for key in rejected - {stale}}
    events = read_topic(account.stack.kafka, name)
    assert [event.key for event in events] == [b"written-since", b"same"]
    assert len(events[1].value) > 1000

    forced = account.redrive("redrive", keys=[stale], force=True)
    assert (forced["delivered"], forced["moved"]) == (1, 1)
    assert account.read_keys(bucket, prefix) == set()
    assert [event.key for event in read_topic(account.stack.kafka, name)][2:] == [b"written-since"]


def test_find_deployment__reports_a_missing_application(account: Account) -> None:
    """The error of `make redrive` says how to deploy the application."""
    with pytest.raises(LocalError, match="make up"):
        deployment.find_deployment(account.stack, "absent")
