"""What Kafka refused is sent again by the redrive function, once its cause is fixed."""

from collections.abc import Callable

import pytest

from local.application import deployment
from local.errors import LocalError
from tests.support.topics import read_topic, wait_for_topic
from tests.template.deployment.account import Account, wait_until


def test_redrive__sends_what_still_stands(
    account: Account,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    limit_size: Callable[[str, int], None],
) -> None:
    """What the topic refused is sent once the topic takes it, unless its item was written since."""
    name = topic()
    ((table, stream),) = account.make_tables(1).items()
    remove("redrive")
    made = account.deploy_with("redrive", [stream], {"TopicName": name, "KafkaCompression": "none"})
    bucket, prefix = made.outputs["FailureBucketName"], f"dead-letters/{table}/"
    large = [f"feature_{number}" for number in range(200)]
    limit_size(name, 1000)
    for entity in ("same", "written-since"):
        account.put(table, "device_id", entity, large)
    refused = wait_until(lambda: account.read_keys(bucket, prefix), 2)
    account.put(table, "device_id", "written-since")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"written-since"]
    limit_size(name, 1_000_000)

    request = {"prefix": prefix}
    looked = account.redrive("redrive", **request, dry_run=True)
    assert (looked["deliverable"], looked["stale"], looked["moved"]) == (1, 1, 0)
    assert account.read_keys(bucket, prefix) == refused

    report = account.redrive("redrive", **request)
    assert report["complete"] is True
    assert (report["records"], report["delivered"], report["stale"], report["moved"]) == (2, 1, 1, 1)
    (stale,) = account.read_keys(bucket, prefix)
    assert [(each["object"], each["end"]) for each in report["examples"]] == [(stale, "stale")]
    assert account.read_keys(bucket, "redriven/") == {f"redriven/{key}" for key in refused - {stale}}
    events = read_topic(account.stack.kafka, name)
    assert [event.key for event in events] == [b"written-since", b"same"]
    assert len(events[1].value) > 1000

    forced = account.redrive("redrive", keys=[stale], force=True)
    assert (forced["delivered"], forced["moved"]) == (1, 1)
    assert account.read_keys(bucket, prefix) == set()
    assert [event.key for event in read_topic(account.stack.kafka, name)][2:] == [b"written-since"]


def test_find_deployment__finds_only_what_is_deployed(account: Account) -> None:
    """`make redrive` on a stack without the application says how to deploy it."""
    with pytest.raises(LocalError, match="make up"):
        deployment.find_deployment(account.stack, "absent")
