"""Makes a producer that is connected: signed in to Kafka, with its topic found, or says why not.

Nearly all that a deployment gets wrong shows here, so every way to fail is told apart: a person must change something,
or it may work later.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, cast

from confluent_kafka import KafkaError, KafkaException, Producer

from feature_events.deadline import Deadline, run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka_properties import Properties
from feature_events.logs import logger
from feature_events.settings import Settings

OPEN_SECONDS = 5.0
"""How long the start of an execution environment waits for Kafka; a batch waits to its own deadline."""

DEFAULTS: Properties = {
    "client.id": "feature-events",
    # AWS's advice for MSK: requests of 10 s or more, retries 200 ms or more apart
    "socket.timeout.ms": 10_000,
    "request.timeout.ms": 10_000,
    "retry.backoff.ms": 200,
    # Authenticating takes four of the broker's answers and those of TLS, each of which may be late
    "socket.connection.setup.timeout.ms": 10_000,
    # A frozen environment outlives its connections: find out soon, come back soon
    "socket.keepalive.enable": "true",
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
    "queue.buffering.max.kbytes": 65_536,
    # What a broker's own defaults take as one record batch
    "message.max.bytes": 1_000_000,
    # Reasons come by error_cb; the same again as text on stderr would not be JSON
    "log_level": 0,
}
"""What KAFKA_PROPERTIES may change; the defaults of librdkafka suit no function."""

_MISCONFIGURED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant the function WriteData and DescribeTopic on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant the function Connect and WriteDataIdempotently on the cluster",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topic, or set TOPIC_NAME to one that exists",
    # librdkafka's own codes begin with an underscore
    KafkaError._UNKNOWN_TOPIC: "create the topic, or set TOPIC_NAME to one that exists",  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: "create the topic, or set TOPIC_NAME to one that exists",  # noqa: SLF001
    KafkaError.TOPIC_EXCEPTION: "set TOPIC_NAME to a name that Kafka allows",
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: "set KAFKA_COMPRESSION to one that the topic takes",
}

_SIGN_IN_REFUSED = frozenset(
    {
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
    }
)

# By this text alone a refused client certificate is told from a lost connection
_TLS_ALERT = "SSL alert number"

# How long one question is waited for: what a broker answers later, librdkafka drops (socket.timeout.ms)
_QUESTION_SECONDS = 10.0

# How long a new producer waits for what only makes its first batch faster
_SPARE_SECONDS = 0.5

# The properties that come from secrets and that librdkafka looks into, with the settings that name those
_SECRET_PROPERTIES = {
    "ssl.certificate.pem": "KAFKA_SECRET_ARN",
    "ssl.key.pem": "KAFKA_SECRET_ARN",
    "ssl.ca.pem": "KAFKA_CA_SECRET_ARN",
}

# How flush() tells of a fatal error: the client raises it among the callbacks, and the next one can fail on that
LOST = (KafkaException, SystemError)


_NO_ANSWER = KafkaError(KafkaError._TIMED_OUT, "no answer")  # noqa: SLF001

# What a question may take beyond its time to say that it has passed
_GRACE_SECONDS = 1.0

# How long whoever lets go of a producer may still have it in its hands
_IN_USE_SECONDS = 1.0


class SignIn(Protocol):
    """What the publisher needs of a way to sign in; `authentication.SignIn` is the one with secrets."""

    @property
    def remedy(self) -> str:
        """See `authentication.SignIn.remedy`."""
        ...

    def to_properties(self, deadline: Deadline) -> dict[str, Any]:
        """See `authentication.SignIn.to_properties`."""
        ...

    def is_current(self) -> bool:
        """See `authentication.SignIn.is_current`."""
        ...

    def accept(self) -> None:
        """See `authentication.SignIn.accept`."""
        ...

    def renew(self) -> bool:
        """See `authentication.SignIn.renew`."""
        ...


class ClientErrors:
    """The client's own errors, which say why nothing gets through; each kind is logged once.

    Args:
        on_refusal: called whenever Kafka refuses the sign-in, among the callbacks of a poll or flush.

    """

    def __init__(self, on_refusal: Callable[[], None]) -> None:
        self.latest: KafkaError | None = None
        self.refusal: KafkaError | None = None
        self._on_refusal = on_refusal
        self._logged: set[int] = set()

    def __call__(self, error: KafkaError) -> None:
        """Takes one error, as librdkafka's error_cb."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            return  # it follows, many times, the error that says why
        self.latest = error
        if error.code() not in self._logged:
            self._logged.add(error.code())
            logger.warning("kafka client error", code=error.name(), reason=error.str())
        if error.code() in _SIGN_IN_REFUSED or _TLS_ALERT in error.str():
            self.refusal = error
            self._on_refusal()


def to_properties(settings: Settings) -> Properties:
    """The producer's properties, as the function's settings ask for them."""
    return {
        **DEFAULTS,
        **settings.kafka_properties,
        "bootstrap.servers": settings.brokers,
        "compression.type": settings.compression,
        # Brokers make a topic when a producer asks for it (auto.create.topics.enable, Kafka's default): a mistyped
        # TOPIC_NAME would become a topic that nobody reads. librdkafka's own broker has no topics but those.
        "allow.auto.create.topics": "true" if settings.is_embedded else "false",
    }


def read_fatal(exception: Exception) -> KafkaError:
    """The fatal error that flush() raised, itself or as the cause of a callback's SystemError."""
    cause = exception if isinstance(exception, KafkaException) else exception.__cause__
    if not isinstance(cause, KafkaException):
        raise exception
    return cast("KafkaError", cause.args[0])


def connect(
    properties: Properties, sign_in: SignIn | None, topic: str | None, deadline: Deadline, errors: ClientErrors
) -> Producer:
    """A new producer that has found the topic, or with none the cluster; `errors` hears why it does not.

    Raises the same as `Publisher.open`.
    """
    producer = _to_producer({**properties, **(sign_in.to_properties(deadline) if sign_in else {})}, errors)
    try:
        _wait_for(topic, producer, deadline, errors, sign_in)
    except BaseException:
        let_go(producer)
        raise
    return producer


def let_go(client: object) -> None:
    """Ends a client that holds no messages, without waiting for it.

    Its end waits for its threads, and one that asks for a broker's address waits as long as the resolver does: longer
    than an invocation may take to answer.
    """
    # By then this thread has no use of it any more, so that the last one is the other's
    end = threading.Timer(_IN_USE_SECONDS, [client].clear)
    end.daemon = True
    end.start()


def _wait_for(
    topic: str | None, producer: Producer, deadline: Deadline, errors: ClientErrors, sign_in: SignIn | None
) -> None:
    """Waits until the topic is found and, where Kafka is quick, until the first batch can go out at once."""
    error = _find(topic, producer, deadline, errors, sign_in)
    if error is not None:
        raise_if_misconfigured(error, topic)
    # The first answer came over the bootstrap address, whose connection then starts again under the broker's own name.
    # An idempotent producer that finds no connection meanwhile asks for its id half a second later, which the first
    # batch would wait for. Two more questions wait for that connection, where it takes milliseconds; where it takes
    # longer, the batch is better off with the time.
    spare = deadline.within(_SPARE_SECONDS)
    with contextlib.suppress(KafkaException):
        for _ in range(2):
            _ask(topic, producer, spare.remaining())


def _to_producer(properties: Mapping[str, Any], errors: ClientErrors) -> Producer:
    try:
        return Producer({**properties, "error_cb": errors})
    except (KafkaException, TypeError, ValueError) as exception:
        # The text may hold the property's value; its name is enough
        text = str(exception)
        for name, setting in _SECRET_PROPERTIES.items():
            if name in properties and name in text:
                raise Misconfigured(
                    f"the secret in {setting} holds what OpenSSL cannot use as {name}: write it as PEM, the key as "
                    "that of the certificate, with its password where it has one"
                ) from None
        # It quotes the name of a property, and several that contradict each other in another way
        found = [name for name in properties if f'"{name}"' in text or f"`{name}`" in text]
        names = ", ".join(sorted(found)) or "one of the properties"
        raise Misconfigured(f"KAFKA_PROPERTIES: librdkafka does not take {names}") from None


def _find(
    topic: str | None, producer: Producer, deadline: Deadline, errors: ClientErrors, sign_in: SignIn | None
) -> KafkaError | None:
    """What Kafka has against the topic, once it has answered."""
    seconds = deadline.remaining()

    def watch() -> None:
        producer.poll(0)  # lets the client say why
        if errors.refusal is not None:
            raise to_refusal(errors.refusal, sign_in)

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
            raise Undelivered(f"Kafka has ended the producer: {error.name()} ({error.str()})")
        if not deadline.remaining():
            raise Undelivered(
                f"no broker answered within {seconds:.1f} s: {error.str()}; check KAFKA_BROKER_URL and the way to it "
                "(subnets, security groups, the port of this kind of sign-in)"
            )


def _ask(topic: str | None, producer: Producer, seconds: float) -> KafkaError | None:
    """Kafka's answer about the topic, or with none about the cluster; raises KafkaException where it does not come."""
    if topic is None:
        producer.list_topics(timeout=seconds)
        return None
    return cast("KafkaError | None", producer.list_topics(topic, timeout=seconds).topics[topic].error)


def to_refusal(error: KafkaError | None, sign_in: SignIn | None) -> Misconfigured:
    """The error of a refused sign-in, with what to look at."""
    if error is not None and error.code() == KafkaError._SSL:  # noqa: SLF001
        remedy = "check the brokers' certificates, and the authorities that the function trusts (KAFKA_CA_SECRET_ARN)"
    else:
        remedy = sign_in.remedy if sign_in else "set KAFKA_AUTH to how the brokers want it"
    reason = f"{error.name()} ({error.str()})" if error else "no reason given"
    return Misconfigured(f"Kafka does not let the function in: {reason}: {remedy}")


def raise_if_misconfigured(error: KafkaError, topic: str | None) -> None:
    """Raises Misconfigured where this error of Kafka is for a person to mend, with what to do."""
    remedy = _MISCONFIGURED.get(error.code())
    if remedy:
        raise Misconfigured(f"Kafka refuses topic {topic}: {error.name()} ({error.str()}): {remedy}")
