"""Create clients that are connected: Kafka has authenticated the function and the topic was found.

A new client connects in its own threads, and reports errors only when it is polled. A client from this module has
already received a response from Kafka.
"""

import contextlib
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from feature_events import VERSION
from feature_events.deadline import Deadline, run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.errors import (
    LOST,
    ClientErrors,
    make_authentication_error,
    read_fatal,
)
from feature_events.settings.kafka_properties import Properties
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS, Settings

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

DEFAULTS: Properties = {
    "client.id": f"feature-events-{VERSION}",
    # AWS's recommendation for MSK: request timeouts of at least 10 s, and at least 200 ms between retries
    "socket.timeout.ms": 10_000,
    "request.timeout.ms": 10_000,
    "retry.backoff.ms": 200,
    # Authentication takes four broker responses plus the TLS handshake, and each can be slow
    "socket.connection.setup.timeout.ms": 10_000,
    # A frozen environment outlives its connections: detect that quickly, and reconnect quickly
    "socket.keepalive.enable": "true",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    # A warm environment detects added partitions after this time. Until then, it and a newly started environment write
    # the events of one entity to different partitions. librdkafka's default is five minutes.
    "topic.metadata.refresh.interval.ms": 60_000,
    # A producer is used after its topic was found, so a topic that is unknown later was deleted. By default, librdkafka
    # waits up to 30 s after the first use, because the topic may be new.
    "topic.metadata.propagation.max.ms": 1_000,
    "queue.buffering.max.kbytes": 65_536,
    # The brokers' default limit of a record batch
    "message.max.bytes": 1_000_000,
    # error_cb reports errors. librdkafka's log on stderr would repeat them, and not as JSON.
    "log_level": 0,
}
"""Defaults that KAFKA_PROPERTIES can override. They replace librdkafka's, which do not suit a function."""

FIXED: Properties = {
    "acks": "all",
    "enable.idempotence": "true",
    "partitioner": "murmur2_random",  # the same as Java's clients, so that their topics can be co-partitioned
    "linger.ms": 900_000,
    "batch.size": 2_147_483_647,
    "batch.num.messages": 1_000_000,
    "message.timeout.ms": 0,
}
"""Properties that guarantee the order of events (see `publisher`). KAFKA_PROPERTIES must not contain them."""

OPEN_SECONDS = 5.0
"""How long the start of an execution environment waits for Kafka. A batch waits until its own deadline."""

# The time limit for one metadata response. librdkafka drops a later one (socket.timeout.ms).
_METADATA_SECONDS = 10.0

# The time limit for warming up a new producer
_WARM_UP_SECONDS = 0.5

# librdkafka's names for values from secrets in its error texts, with the settings of those secrets
_FROM_SECRETS = {
    "ssl.certificate": KAFKA_CREDENTIALS,
    "ssl_cert": KAFKA_CREDENTIALS,
    "ssl.key": KAFKA_CREDENTIALS,
    "ssl_key": KAFKA_CREDENTIALS,
    "ssl.ca.pem": KAFKA_CA,
}

_NO_RESPONSE = KafkaError(KafkaError._TIMED_OUT, "no response")  # noqa: SLF001  # librdkafka's own code

# The grace period of a metadata request after its timeout
_GRACE_SECONDS = 1.0

# The time within which the caller drops its reference to a closed client
_IN_USE_SECONDS = 1.0


def to_producer_properties(settings: Settings) -> Properties:
    """Convert the settings to librdkafka's properties. The publisher adds the fixed properties."""
    return {
        **DEFAULTS,
        **settings.kafka_properties,
        "bootstrap.servers": settings.brokers,
        "compression.type": settings.compression,
        # With auto.create.topics.enable, Kafka's default, brokers create a topic when a producer requests it. A
        # mistyped TOPIC_NAME would become a topic without consumers. The embedded broker has only such topics.
        "allow.auto.create.topics": "true" if settings.is_embedded else "false",
    }


def connect(
    properties: Properties,
    authentication: "Authentication | None",
    topic: str | None,
    deadline: Deadline,
    errors: ClientErrors,
) -> Producer:
    """Return a new producer that has found the topic, or the cluster if `topic` is None.

    `errors` receives the client's errors. Raises the same as `Publisher.open`.
    """
    producer = connect_client(Producer, properties, authentication, topic, deadline, errors)
    try:
        _warm_up(topic, producer, deadline)
    except BaseException:
        close_in_background(producer)
        raise
    return producer


def connect_client[Client: (Producer, Consumer)](  # noqa: PLR0913, PLR0917  # those of `connect`, and the class
    make: type[Client],
    properties: Properties,
    authentication: "Authentication | None",
    topic: str | None,
    deadline: Deadline,
    errors: ClientErrors,
) -> Client:
    """Return a new client of this class that has found the topic; see `connect`.

    Args:
        make: the client's class.
        properties: the client's properties.
        authentication: how to authenticate, if the brokers require it.
        topic: the topic, or None for the cluster.
        deadline: when to stop waiting.
        errors: receives the client's errors.

    """
    try:
        own = authentication.read_properties(deadline) if authentication else {}
        client = _make_client(make, {**properties, **own}, errors)
    except Misconfigured:
        if authentication:
            authentication.forget()  # the next client reads a corrected secret
        raise
    try:
        error = _find_topic(topic, client, deadline, errors, authentication)
        if error is not None:
            errors.refuse(error, topic)
    except BaseException:
        close_in_background(client)
        raise
    return client


def close_in_background(client: object) -> None:
    """Close a client without messages in a background thread.

    Closing waits for the client's threads. One that resolves a broker's name waits as long as the resolver does, which
    can be longer than the rest of the invocation.
    """
    # By then the caller has dropped its reference, so the client is closed in the timer's thread
    timer = threading.Timer(_IN_USE_SECONDS, [client].clear)
    timer.daemon = True
    timer.start()


def _make_client[Client: (Producer, Consumer)](
    make: type[Client], properties: Mapping[str, Any], errors: ClientErrors
) -> Client:
    try:
        return make({**properties, "error_cb": errors})
    except (KafkaException, TypeError, ValueError) as exception:
        # The text may contain the property's value, so only names are repeated
        text = str(exception)
        for part, setting in _FROM_SECRETS.items():
            if part in text:
                raise Misconfigured(
                    f"librdkafka cannot use the secret in {setting} ({part}): store certificates and keys as PEM, with "
                    "an algorithm and length that TLS accepts"
                ) from None
        # librdkafka quotes one name with ", and names that contradict each other with `
        found = [name for name in properties if f'"{name}"' in text or f"`{name}`" in text]
        names = ", ".join(sorted(found)) or "one of the properties"
        raise Misconfigured(
            f"KafkaProperties (KAFKA_PROPERTIES): librdkafka rejected {names}: correct the value or remove the property"
        ) from None


def _find_topic(
    topic: str | None,
    client: Producer | Consumer,
    deadline: Deadline,
    errors: ClientErrors,
    authentication: "Authentication | None",
) -> KafkaError | None:
    """Wait for the topic's metadata, and return its error."""
    seconds = deadline.remaining()

    def watch() -> None:
        polled = client.poll(0)  # calls `errors`
        if isinstance(polled, Message) and (refusal := polled.error()) is not None:
            errors.refuse(refusal, topic)  # a consumer reports that its group is refused only once
        if errors.refusal is not None:
            raise make_authentication_error(errors.refusal, authentication)

    while True:
        wait = min(_METADATA_SECONDS, deadline.remaining())
        try:
            # A metadata request blocks its thread, and authentication errors are reported only to a thread that polls
            return run_within(wait + _GRACE_SECONDS, partial(_read_metadata, topic, client, wait), watch)
        except TimeoutError:
            error = errors.latest or _NO_RESPONSE
        except LOST as exception:
            error = read_fatal(exception)
            # After a fatal error the client reports nothing more. Otherwise its own errors are more specific.
            error = error if error.fatal() else errors.latest or error
        errors.refuse(error, topic)
        if error.fatal():
            raise Undelivered(f"the Kafka client failed: {error.name()} ({error.str()}); the retry creates a new one")
        if not deadline.remaining():
            raise Undelivered(
                f"no broker responded within {seconds:.1f} s: {error.str()}; check KafkaBrokerUrl (KAFKA_BROKER_URL), "
                "and the network path to the brokers (subnets, security groups, the port for this KafkaAuth "
                "(KAFKA_AUTH))"
            )


def _read_metadata(topic: str | None, client: Producer | Consumer, seconds: float) -> KafkaError | None:
    """Request the metadata of the topic, or of the cluster if `topic` is None, and return the topic's error.

    Raises KafkaException if there is no response in time.
    """
    if topic is None:
        client.list_topics(timeout=seconds)
        return None
    return cast("KafkaError | None", client.list_topics(topic, timeout=seconds).topics[topic].error)


def _warm_up(topic: str | None, producer: Producer, deadline: Deadline) -> None:
    """Wait until the producer can send its first batch without delay, if that takes milliseconds.

    The first response came over the bootstrap connection, which librdkafka then reopens under the broker's own name. An
    idempotent producer without a connection requests its producer id half a second later, which would delay the first
    batch. Two more metadata requests wait for the connection. If it takes longer, the batch needs the time more.
    """
    limit = deadline.within(_WARM_UP_SECONDS)
    with contextlib.suppress(KafkaException):
        for _ in range(2):
            _read_metadata(topic, producer, limit.remaining())
