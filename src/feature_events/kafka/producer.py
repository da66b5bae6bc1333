"""Makes a producer that is connected: authenticated by Kafka, with its topic found, or says why not.

A producer that is made is not yet one that can send: the client connects in threads of its own and tells of what goes
wrong only when it is polled. Whoever gets a producer from here knows that Kafka has answered it.
"""

import contextlib
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError, KafkaException, Producer

from feature_events.deadline import Deadline, run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.client_errors import (
    LOST,
    ClientErrors,
    raise_if_misconfigured,
    read_fatal,
    to_authentication_refusal,
)
from feature_events.settings.kafka_properties import Properties
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

OPEN_SECONDS = 5.0
"""How long the start of an execution environment waits for Kafka; a batch waits to its own deadline."""

# How long one question is waited for: what a broker answers later, librdkafka drops (socket.timeout.ms)
_QUESTION_SECONDS = 10.0

# How long a new producer waits for what only makes its first batch faster
_SPARE_SECONDS = 0.5

# What librdkafka calls that which comes from secrets when it cannot use it, with the settings that name those
_FROM_SECRETS = {
    "ssl.certificate": KAFKA_CREDENTIALS,
    "ssl_cert": KAFKA_CREDENTIALS,
    "ssl.key": KAFKA_CREDENTIALS,
    "ssl_key": KAFKA_CREDENTIALS,
    "ssl.ca.pem": KAFKA_CA,
}

_NO_ANSWER = KafkaError(KafkaError._TIMED_OUT, "no answer")  # noqa: SLF001  # librdkafka's own code

# What a question may take beyond its time to say that it has passed
_GRACE_SECONDS = 1.0

# How long whoever closes a client may still have it in its hands
_IN_USE_SECONDS = 1.0


def connect(
    properties: Properties,
    authentication: "Authentication | None",
    topic: str | None,
    deadline: Deadline,
    errors: ClientErrors,
) -> Producer:
    """A new producer that has found the topic, or with none the cluster; `errors` hears why it does not.

    Raises the same as `Publisher.open`.
    """
    try:
        own = authentication.to_properties(deadline) if authentication else {}
        producer = _to_producer({**properties, **own}, errors)
    except Misconfigured:
        if authentication:
            authentication.forget()  # a corrected secret is read by the next client
        raise
    try:
        error = _find(topic, producer, deadline, errors, authentication)
        if error is not None:
            raise_if_misconfigured(error, topic)
        _wait_until_quick(topic, producer, deadline)
    except BaseException:
        close_in_background(producer)
        raise
    return producer


def close_in_background(client: object) -> None:
    """Ends a client that holds no messages, without waiting for it.

    Its end waits for its threads, and one that asks for a broker's address waits as long as the resolver does: longer
    than an invocation may take to answer.
    """
    # By then this thread has no use of it any more, so that the last one is the other's
    end = threading.Timer(_IN_USE_SECONDS, [client].clear)
    end.daemon = True
    end.start()


def _to_producer(properties: Mapping[str, Any], errors: ClientErrors) -> Producer:
    try:
        return Producer({**properties, "error_cb": errors})
    except (KafkaException, TypeError, ValueError) as exception:
        # The text may hold the property's value; its name is enough
        text = str(exception)
        for part, setting in _FROM_SECRETS.items():
            if part in text:
                raise Misconfigured(
                    f"librdkafka cannot use the secret in {setting} ({part}): write certificates and keys as PEM, of "
                    "an algorithm and length that TLS accepts"
                ) from None
        # It quotes the name of a property, and several that contradict each other in another way
        found = [name for name in properties if f'"{name}"' in text or f"`{name}`" in text]
        names = ", ".join(sorted(found)) or "one of the properties"
        raise Misconfigured(f"KAFKA_PROPERTIES: librdkafka refuses {names}: correct or remove it") from None


def _find(
    topic: str | None,
    producer: Producer,
    deadline: Deadline,
    errors: ClientErrors,
    authentication: "Authentication | None",
) -> KafkaError | None:
    """What Kafka has against the topic, once it has answered."""
    seconds = deadline.remaining()

    def watch() -> None:
        producer.poll(0)  # lets the client say why
        if errors.refusal is not None:
            raise to_authentication_refusal(errors.refusal, authentication)

    while True:
        wait = min(_QUESTION_SECONDS, deadline.remaining())
        try:
            # The client tells of a refusal where it is polled, and a question holds its thread until it is answered
            return run_within(wait + _GRACE_SECONDS, partial(_ask, topic, producer, wait), watch)
        except TimeoutError:
            error = errors.latest or _NO_ANSWER
        except LOST as exception:
            error = read_fatal(exception)
            # Where it is fatal the client has nothing more to say, and where not, its own errors say why
            error = error if error.fatal() else errors.latest or error
        raise_if_misconfigured(error, topic)
        if error.fatal():
            raise Undelivered(f"Kafka has ended the producer: {error.name()} ({error.str()}); the retry makes another")
        if not deadline.remaining():
            raise Undelivered(
                f"no broker answered within {seconds:.1f} s: {error.str()}; check KafkaBrokerUrl "
                "(KAFKA_BROKER_URL) and the network path to it (subnets, security groups, the port of this kind of "
                "authentication)"
            )


def _ask(topic: str | None, producer: Producer, seconds: float) -> KafkaError | None:
    """Kafka's answer about the topic, or with none about the cluster; raises KafkaException where it does not come."""
    if topic is None:
        producer.list_topics(timeout=seconds)
        return None
    return cast("KafkaError | None", producer.list_topics(topic, timeout=seconds).topics[topic].error)


def _wait_until_quick(topic: str | None, producer: Producer, deadline: Deadline) -> None:
    """Waits, where Kafka is quick, until the first batch can go out at once.

    The first answer came over the bootstrap address, whose connection then starts again under the broker's own name.
    An idempotent producer that finds no connection meanwhile asks for its id half a second later, which the first
    batch would wait for. Two more questions wait for that connection, where it takes milliseconds; where it takes
    longer, the batch is better off with the time.
    """
    spare = deadline.within(_SPARE_SECONDS)
    with contextlib.suppress(KafkaException):
        for _ in range(2):
            _ask(topic, producer, spare.remaining())
