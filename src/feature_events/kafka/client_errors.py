"""Tells Kafka's errors apart by what is to be done about them.

Nearly all that a deployment gets wrong shows here. Three questions are answered about an error: must a person change
something, has Kafka refused to authenticate the function, or will it never take this one message? Everything else may
work later.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from confluent_kafka import KafkaError, KafkaException

from feature_events.errors import Misconfigured
from feature_events.logs import logger

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

_REMEDIES = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant the function WriteData and DescribeTopic on the topic",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant the function Connect and WriteDataIdempotently on the cluster",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topic, or set TOPIC_NAME to one that exists",
    KafkaError._UNKNOWN_TOPIC: "create the topic, or set TOPIC_NAME to one that exists",  # noqa: SLF001  # librdkafka's own code
    KafkaError._UNKNOWN_PARTITION: "create the topic, or set TOPIC_NAME to one that exists",  # noqa: SLF001  # librdkafka's own code
    KafkaError.TOPIC_EXCEPTION: "set TOPIC_NAME to a name that Kafka allows",
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE: "set KAFKA_COMPRESSION to one that the topic takes",
}

_AUTHENTICATION_REFUSED = frozenset(
    {
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001  # librdkafka's own code
        KafkaError._SSL,  # noqa: SLF001  # librdkafka's own code
    }
)

# By this text alone a refused client certificate is told from a lost connection
_TLS_ALERT = "SSL alert number"

# By these a broker, or the client for it, says that it will never take this message; none of them is retriable
# (https://kafka.apache.org/protocol#protocol_error_codes), as a corrupt message would be
_MESSAGE_REFUSED = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
    }
)

# How flush() tells of a fatal error: the client raises it among the callbacks, and the next one can fail on that
LOST = (KafkaException, SystemError)


class ClientErrors:
    """The client's own errors, which say why nothing gets through; each kind is logged once.

    Args:
        on_refusal: called whenever Kafka refuses to authenticate the function, among the callbacks of a poll or flush.

    """

    def __init__(self, on_refusal: Callable[[], None]) -> None:
        self.latest: KafkaError | None = None
        self.refusal: KafkaError | None = None
        self._on_refusal = on_refusal
        self._logged: set[int] = set()

    def __call__(self, error: KafkaError) -> None:
        """Takes one error, as librdkafka's error_cb."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # librdkafka's own code
            return  # it follows, many times, the error that says why
        self.latest = error
        if error.code() not in self._logged:
            self._logged.add(error.code())
            logger.warning("kafka client error", code=error.name(), reason=error.str())
        if error.code() in _AUTHENTICATION_REFUSED or _TLS_ALERT in error.str():
            self.refusal = error
            self._on_refusal()


def is_message_refused(error: KafkaError) -> bool:
    """Whether Kafka will never take this message, whoever sends it and however often."""
    return error.code() in _MESSAGE_REFUSED


def read_fatal(exception: Exception) -> KafkaError:
    """The fatal error that flush() raised, itself or as the cause of a callback's SystemError."""
    cause = exception if isinstance(exception, KafkaException) else exception.__cause__
    if not isinstance(cause, KafkaException):
        raise exception
    return cast("KafkaError", cause.args[0])


def raise_if_misconfigured(error: KafkaError, topic: str | None) -> None:
    """Raises Misconfigured where only a person can fix this error of Kafka, with what to do."""
    remedy = _REMEDIES.get(error.code())
    if remedy:
        refused = "the function" if topic is None else f"topic {topic}"
        raise Misconfigured(f"Kafka refuses {refused}: {error.name()} ({error.str()}): {remedy}")


def to_authentication_refusal(error: KafkaError, authentication: "Authentication | None") -> Misconfigured:
    """The error of a failed authentication, with what to look at."""
    if error.code() == KafkaError._SSL:  # noqa: SLF001  # librdkafka's own code
        remedy = (
            "check the brokers' certificates, and the CA certificates that the function trusts (KAFKA_CA_SECRET_ARN)"
        )
    else:
        remedy = authentication.remedy if authentication else "set KAFKA_AUTH to what the brokers ask for"
    return Misconfigured(f"authentication to Kafka failed: {error.name()} ({error.str()}): {remedy}")
