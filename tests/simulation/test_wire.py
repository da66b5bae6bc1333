"""The real producer and the real process against faults at the wire: on sockets, what the model is trusted with."""

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
from tests.support.resolver import asking_producers
from tests.support.topics import read_topic
from tests.support.web_server import Answer, run_scripted_server

LONG, SHORT = 20.0, 0.7
DONE: Json = {"batchItemFailures": []}
LEAK_SECONDS = 1.5
"""Longer than a producer with something left takes to come back: reconnect.backoff.max.ms is 1 s, retries are 0.2 s."""


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    """One mock broker with a topic of four partitions."""
    with run_mock_kafka() as cluster:
        yield cluster


def to_publisher(kafka: MockKafka) -> Publisher:
    """The real publisher to this cluster."""
    return Publisher(kafka.topic, {**DEFAULTS, "bootstrap.servers": kafka.bootstrap})


def to_environ(kafka: MockKafka) -> dict[str, str]:
    """The function's settings for this cluster."""
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
    """A publisher that has delivered messages, and then met this fault with others."""
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
    """How many requests come by themselves, and how many messages more than asked for with the next invocation.

    First every connection is cut, so that nothing counts that was on its way already.
    """
    kafka.cut()
    time.sleep(LEAK_SECONDS)
    requests = kafka.count(PRODUCE)
    before = len(read_topic(kafka.bootstrap, kafka.topic))
    asked = [to_message(100, entity="another")]
    assert list(publisher.publish(asked, Deadline(LONG), Refusals())) == [Delivery.DELIVERED]
    return requests + len(read_topic(kafka.bootstrap, kafka.topic)) - before - len(asked)


@pytest.mark.parametrize("fault", FAULTS)
def test_publish__sends_nothing_once_it_has_returned(kafka: MockKafka, fault: str) -> None:
    """Nothing comes after the answer, neither by itself nor with the next batch."""
    publisher = fail(kafka, fault)
    assert count_stale(kafka, publisher) == 0
    report("wire", fault)


def test_publish__would_be_seen_to_send_later(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher that keeps what is left over is found out by the same look at the wire."""
    monkeypatch.setattr(Publisher, "_abandon", lambda _: None)
    publisher = fail(kafka, "no replicas")
    assert count_stale(kafka, publisher) > 0


def test_publish__takes_an_acknowledgement_up_to_the_deadline(kafka: MockKafka) -> None:
    """What is acknowledged slowly, but in time, is delivered, and nothing is sent twice."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.delay(1500)
    assert set(publisher.publish(to_messages(40), Deadline(LONG), Refusals())) == {Delivery.DELIVERED}
    kafka.delay(0)
    assert len(read_topic(kafka.bootstrap, kafka.topic)) == 40


def test_publish__takes_no_acknowledgement_of_an_earlier_invocation(kafka: MockKafka) -> None:
    """What the last invocation sent may be acknowledged during this one, and is none of this one's deliveries."""
    publisher = to_publisher(kafka)
    publisher.open(Deadline(LONG))
    kafka.delay(1000)
    assert set(publisher.publish(to_messages(40), Deadline(0.5), Refusals())) == {Delivery.UNKNOWN}
    kafka.delay(0)
    kafka.fail(PRODUCE, *[KafkaError.NOT_ENOUGH_REPLICAS] * 1000)
    assert set(publisher.publish(to_messages(40), Deadline(1.5), Refusals())) == {Delivery.UNKNOWN}


def test_publish__reports_names_that_do_not_resolve() -> None:
    """Brokers whose names nobody knows are out of reach, and may be back."""
    publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "broker.invalid:9092"})
    assert set(publisher.publish(to_messages(3), Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}


def test_publish__waits_for_no_resolver() -> None:
    """A producer whose threads are still asking for an address ends after the answer, not before it."""
    with asking_producers(LONG) as end:
        publisher = Publisher("events", {**DEFAULTS, "bootstrap.servers": "broker.invalid:9092"})
        assert set(publisher.publish(to_messages(3), Deadline(SHORT), Refusals())) == {Delivery.UNKNOWN}
        assert end.came_after_the_return(LONG)


def test_publish__waits_for_no_resolver_of_a_connected_producer() -> None:
    """A resolver that hangs while a connection is lost holds up no answer.

    confluent-kafka 2.15 takes `purge()` for one that does not wait for the client's threads, of which one hangs here:
    its argument `blocking` has the opposite sense. Where this test is red, a later release has put that right, and the
    publisher needs `purge(blocking=False)`. In a process of its own, since such a purge never returns.
    """
    command = [sys.executable, "-m", "tests.simulation.resolver"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(  # noqa: S603  # the command is ours
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, timeout=3 * LONG, check=True
    )
    assert done.stdout.splitlines()[-1] == "answered"


def test_handler__goes_on_after_a_freeze(kafka: MockKafka) -> None:
    """A thawed environment, whose connections died meanwhile, delivers the next batch at once."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(40)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        function.freeze()
        kafka.cut()
        function.thaw()
        assert function.invoke(records[20:]) == DONE
    assert_complete(kafka, records)


def test_handler__sends_nothing_stale_after_a_freeze(kafka: MockKafka) -> None:
    """What was reported before the freeze is not sent when the environment is thawed, with or without another batch."""
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


def test_handler__loses_nothing_when_it_is_killed_before_it_answers(kafka: MockKafka) -> None:
    """Killed with its events written and not yet answered for, it sends the same bytes again in another instance."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(40)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        kafka.track()
        kafka.delay(30_000)
        function.send(records[20:])
        limit = Deadline(LONG)
        while not kafka.count(PRODUCE) and limit.remaining():
            time.sleep(0.01)
        function.kill()  # written, and the acknowledgement is on its way
    kafka.delay(0)
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[20:]) == DONE
    assert len(assert_complete(kafka, records)) > len(records)


def test_handler__stays_within_its_memory(kafka: MockKafka) -> None:
    """Batches of the 6 MB that Lambda hands over at most need less than half of the 512 MB that the template gives."""
    item = to_item(tuple(f"feature_{number}" for number in range(60)))
    records = [to_record(number, entity=f"user-{number % 50}", item=item) for number in range(2000)]
    with FunctionProcess(to_environ(kafka)) as function:
        for _ in range(5):
            assert function.invoke(records) == DONE
        assert function.read_peak_megabytes() < 256


@pytest.mark.parametrize("kibibytes", [250, 500, 1000, 2000, 4000, 8000])
def test_handler__loses_nothing_without_memory(kafka: MockKafka, kibibytes: int) -> None:
    """Where memory ends, anywhere in a batch, the answer is an error or none; another instance delivers all of it."""
    item = to_item(tuple(f"feature_{number}" for number in range(60)))
    records = [to_record(number, entity=f"user-{number % 50}", item=item) for number in range(3000)]
    with FunctionProcess(to_environ(kafka)) as function:
        assert function.invoke(records[:20]) == DONE
        rescue = threading.Timer(LONG, function.kill)
        rescue.start()
        try:
            function.send(records, kibibytes=kibibytes)
            answer = function.receive()
        except (AssertionError, OSError):  # librdkafka ends the process
            answer = {"errorType": "Runtime.ExitError"}
        rescue.cancel()
    if kibibytes == 250:
        assert answer != DONE
    if answer != DONE:
        assert answer.get("errorType") or answer.get("batchItemFailures")
        with FunctionProcess(to_environ(kafka)) as function:
            assert function.invoke(records) == DONE
    assert_complete(kafka, records)


def test_handler__keeps_its_schema_id(kafka: MockKafka) -> None:
    """Where the registry gives the schema another id, an instance keeps the one that it began with."""
    records = [to_record(number) for number in range(3)]
    with run_scripted_server() as registry:
        environ = {**to_environ(kafka), "SCHEMA_ID": "", "SCHEMA_REGISTRY": registry.url}
        registry.script = [Answer.of(200, {"subject": "s", "id": 7, "version": 1, "schema": "{}"})]
        with FunctionProcess(environ) as former:
            assert former.invoke(records[:1]) == DONE
            registry.script = [Answer.of(200, {"subject": "s", "id": 8, "version": 2, "schema": "{}"})]
            assert former.invoke(records[1:2]) == DONE
            with FunctionProcess(environ) as latter:
                assert latter.invoke(records[2:]) == DONE
    written = {
        dict(each.headers)["ce_sequence"].decode(): each.value for each in read_topic(kafka.bootstrap, kafka.topic)
    }
    ids = [int.from_bytes(written[number_of_record(record)][1:5]) for record in records]
    assert (ids, len(registry.requests)) == ([7, 7, 8], 2)


def test_handler__reports_what_its_queue_does_not_hold(kafka: MockKafka) -> None:
    """With a queue for a few messages a batch goes out bit by bit, complete and in order."""
    records = [to_record(number, entity=f"user-{number % 5}") for number in range(200)]
    properties = '{"queue.buffering.max.messages": 7}'
    with FunctionProcess({**to_environ(kafka), "KAFKA_PROPERTIES": properties}) as function:
        assert function.invoke(records) == DONE
    assert len(assert_complete(kafka, records)) == len(records)


def assert_complete(kafka: MockKafka, records: list[Json]) -> list[Received]:
    """Every record's event is in the topic, first appearances in order, repetitions byte for byte; gives them all."""
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
