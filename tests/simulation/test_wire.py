"""The real producer and the real function in a process, with faults on real sockets."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import KafkaError

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from local.paths import ROOT
from local.servers.topic import Received
from tests.simulation.scale import report
from tests.support.function_process import FunctionProcess
from tests.support.messages import Refusals, to_message, to_messages
from tests.support.mock_kafka import PRODUCE, MockKafka, run_mock_kafka
from tests.support.records import Json, to_item, to_record
from tests.support.records import number_of as number_of_record
from tests.support.resolver import blocking_producers
from tests.support.topics import read_topic

LONG, SHORT = 20.0, 0.7
DONE: Json = {"batchItemFailures": []}
LEAK_SECONDS = 1.5
"""Long enough for a producer with unsent messages to reconnect (at most 1 s) and retry (0.2 s)."""


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """Run one mock broker with a topic of four partitions."""
    with run_mock_kafka() as cluster:
        yield cluster


def to_publisher(kafka: MockKafka) -> Publisher:
    """Return a real publisher to this cluster."""
    return Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap})


def to_environ(kafka: MockKafka) -> dict[str, str]:
    """Return the function's environment variables for this cluster."""
    return {"KAFKA_BROKER_URL": kafka.bootstrap, "TOPIC_NAME": kafka.topic, "SCHEMA_ID": "7"}


FAULTS: dict[str, Callable[[MockKafka], None]] = {
    "no replicas": lambda kafka: kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000),
    "no leader": lambda kafka: kafka.fail(PRODUCE, *[KafkaError.NOT_LEADER_FOR_PARTITION] * 1000),
    "no broker": lambda kafka: kafka.stop(),
    "no acknowledgement": lambda kafka: kafka.delay(30_000),
    "a lost producer": lambda kafka: kafka.fail(PRODUCE, *[KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER] * 4),
    "no permission": lambda kafka: kafka.fail(PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 4),
}


def fail(kafka: MockKafka, fault: str) -> Publisher:
    """Return a publisher that delivered 40 messages, and failed to deliver 40 others because of this fault."""
    publisher = to_publisher(kafka)
    assert set(publisher.publish(to_messages(40), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    FAULTS[fault](kafka)
    with contextlib.suppress(Misconfigured):
        deliveries = publisher.publish(to_messages(80)[40:], Deadline(SHORT), Refusals())
        assert Delivery.UNKNOWN in deliveries
    kafka.delay(0)
    kafka.recover(PRODUCE)
    return publisher


def count_stale(kafka: MockKafka, publisher: Publisher) -> int:
    """Count the requests that arrive without an invocation, and the surplus messages of the next invocation.

    All connections are cut first, so that requests on the wire do not count.
    """
    kafka.cut()
    time.sleep(LEAK_SECONDS)
    requests = kafka.count(PRODUCE)
    before = len(read_topic(kafka.bootstrap, kafka.topic))
    messages = [to_message(100, entity="another")]
    assert list(publisher.publish(messages, Deadline(LONG), Refusals())) == [Delivery.DELIVERED]
    return requests + len(read_topic(kafka.bootstrap, kafka.topic)) - before - len(messages)


@pytest.mark.parametrize("fault", FAULTS)
def test_publish__sends_nothing_after_it_has_returned(kafka: MockKafka, fault: str) -> None:
    """Failed messages are sent neither in the background nor with the next batch."""
    publisher = fail(kafka, fault)
    assert count_stale(kafka, publisher) == 0
    report("wire", fault)


def test_count_stale__notices_a_publisher_that_sends_later(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """The previous test fails for a publisher that does not purge its unsent messages."""
    monkeypatch.setattr(Publisher, "_abandon", lambda _: None)
    publisher = fail(kafka, "no replicas")
    assert count_stale(kafka, publisher) > 0


def test_publish__accepts_acknowledgements_until_the_deadline(kafka: MockKafka) -> None:
    """Messages with a late acknowledgement before the deadline are delivered once."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.delay(1500)
    assert set(publisher.publish(to_messages(40), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    kafka.delay(0)
    assert len(read_topic(kafka.bootstrap, kafka.topic)) == 40


def test_publish__ignores_acknowledgements_of_an_earlier_invocation(kafka: MockKafka) -> None:
    """A late acknowledgement of an earlier invocation is not a delivery of this one."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.delay(1000)
    assert set(publisher.publish(to_messages(40), Deadline(0.5), Refusals())) == {Delivery.UNKNOWN}
    kafka.delay(0)
    kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
    assert set(publisher.publish(to_messages(40), Deadline(1.5), Refusals())) == {Delivery.UNKNOWN}


def test_publish__reports_names_that_do_not_resolve() -> None:
    """If the brokers' names do not resolve, messages are undelivered, so a retry can succeed."""
    publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "broker.invalid:9092"})
    assert set(publisher.publish(to_messages(3), Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}


def test_publish__does_not_wait_for_the_resolver() -> None:
    """A producer whose threads still resolve an address is closed after `publish` has returned."""
    with blocking_producers(LONG) as closing:
        publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "broker.invalid:9092"})
        assert set(publisher.publish(to_messages(3), Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}
        assert closing.happened_after_return(LONG)


def test_publish__does_not_wait_for_the_resolver_of_a_connected_producer() -> None:
    """`publish` returns although the resolver hangs after a lost connection.

    In confluent-kafka 2.15 the argument `blocking` of `purge` is inverted, so `purge()` does not wait for the client's
    threads. If this test fails, a later release has fixed that, and the publisher needs `purge(blocking=False)`.
    The test runs in a separate process, because a waiting purge never returns.
    """
    command = [sys.executable, "-m", "tests.simulation.resolver"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(  # noqa: S603  # the command is ours
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, timeout=3 * LONG, check=True
    )
    assert done.stdout.splitlines()[-1] == "answered"


def test_handler__delivers_after_a_freeze(kafka: MockKafka) -> None:
    """A thawed environment that lost its connections while frozen delivers the next batch."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(40)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        function.freeze()
        kafka.cut()
        function.thaw()
        assert function.invoke(records[20:]) == DONE
    assert_complete(kafka, records)


def test_handler__sends_nothing_stale_after_a_freeze(kafka: MockKafka) -> None:
    """Records reported as undelivered before a freeze are not sent after it, with or without another batch."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(40)]
    with FunctionProcess({**to_environ(kafka), "DELIVERY_TIMEOUT_MS": "1000"}) as function:
        assert function.invoke(records[:20]) == DONE
        kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
        assert function.invoke(records[20:]) == {
            "batchItemFailures": [{"itemIdentifier": number_of_record(records[20])}]
        }
        function.freeze()
        kafka.recover(PRODUCE)
        kafka.cut()
        function.thaw()
        time.sleep(LEAK_SECONDS)
        assert kafka.count(PRODUCE) == 0
        assert function.invoke(records[20:]) == DONE
    assert_complete(kafka, records)


def test_handler__loses_nothing_if_it_is_killed_before_it_answers(kafka: MockKafka) -> None:
    """If an instance is killed before its acknowledgements arrive, the next one sends the same bytes."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(40)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        kafka.track()
        kafka.delay(30_000)
        function.send(records[20:])
        limit = Deadline(LONG)
        while not kafka.count(PRODUCE) and limit.remaining():
            time.sleep(0.01)
        function.kill()  # the messages are written; their acknowledgement is delayed
    kafka.delay(0)
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[20:]) == DONE
    assert len(assert_complete(kafka, records)) > len(records)


def test_handler__stays_within_its_memory(kafka: MockKafka) -> None:
    """Batches of 6 MB, Lambda's limit, need less than half of the template's 512 MB."""
    item = to_item(tuple(f"feature_{number}" for number in range(60)))
    records = [to_record(number, entity=f"user-{number % 50}", item=item) for number in range(2000)]
    with FunctionProcess(to_environ(kafka)) as function:
        for _ in range(5):
            assert function.invoke(records) == DONE
        assert function.read_peak_megabytes() < 256


@pytest.mark.parametrize("kibibytes", [250, 500, 1000, 2000, 4000, 8000])
def test_handler__loses_nothing_without_memory(kafka: MockKafka, kibibytes: int) -> None:
    """If memory runs out within a batch, the function fails, and another instance delivers the batch."""
    item = to_item(tuple(f"feature_{number}" for number in range(60)))
    records = [to_record(number, entity=f"user-{number % 50}", item=item) for number in range(3000)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        rescue = threading.Timer(LONG, function.kill)
        rescue.start()
        try:
            function.send(records, kibibytes=kibibytes)
            answer = function.receive()
        except (AssertionError, OSError):  # librdkafka aborts the process
            answer = {"errorType": "Runtime.ExitError"}
        rescue.cancel()
    if kibibytes == 250:
        assert answer != DONE
    if answer != DONE:
        assert answer.get("errorType") or answer.get("batchItemFailures")
        with FunctionProcess(to_environ(kafka)) as function:
            assert function.invoke(records) == DONE
    assert_complete(kafka, records)


def test_handler__delivers_batches_larger_than_its_queue(kafka: MockKafka) -> None:
    """With a queue of seven messages, a batch is still delivered completely and in order."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(200)]
    properties = '{"queue.buffering.max.messages": 7}'
    with FunctionProcess({**to_environ(kafka), "KAFKA_PROPERTIES": properties}) as function:
        assert function.invoke(records) == DONE
    assert len(assert_complete(kafka, records)) == len(records)


def assert_complete(kafka: MockKafka, records: list[Json]) -> list[Received]:
    """Assert that the topic has every event, in order per entity, with equal duplicates; return all messages."""
    received = read_topic(kafka.bootstrap, kafka.topic)
    firsts: dict[bytes, Received] = {}
    for message in received:
        first = firsts.setdefault(dict(message.headers)["ce_sequence"], message)
        assert (first.key, first.value, first.headers) == (message.key, message.value, message.headers)
    assert sorted(number.decode() for number in firsts) == [number_of_record(record) for record in records]
    for entity in {message.key for message in received}:
        numbers = [int(number) for number, message in firsts.items() if message.key == entity]
        assert numbers == sorted(numbers)
    return received
