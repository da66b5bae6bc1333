"""Convert Kafka's errors to the function's own errors, by the rules of the error table.

Most deployment mistakes surface here. The rule for an error states whether an operator must act, whether
authentication failed, or whether Kafka rejects one message permanently. Any other error is retried.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from confluent_kafka import KafkaError, KafkaException

from feature_events.errors import Misconfigured
from feature_events.kafka.error_table import ALERT, Action, find_rule
from feature_events.logs import logger

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

# flush() raises these after a fatal error. The client raises the error in a callback, and the next callback can fail
# because of it.
LOST = (KafkaException, SystemError)


_TLS_VERSIONS = "check which TLS versions and ciphers the brokers allow"

_REMEDIES: Mapping[str, str] = {
    "certificate verify failed": "check the brokers' certificates, and the CA certificates that the function trusts: "
    "KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
    # The response is not TLS
    "wrong version number": "this port does not use TLS; check the port in KafkaBrokerUrl (KAFKA_BROKER_URL), and "
    "KafkaAuth (KAFKA_AUTH)",
    # https://www.rfc-editor.org/rfc/rfc8446#section-6.2: protocol_version and insufficient_security
    "SSL alert number 70": _TLS_VERSIONS,
    "SSL alert number 71": _TLS_VERSIONS,
    # Brokers send this text with several codes
    "Unsupported SASL mechanism": "set KafkaAuth (KAFKA_AUTH) to a method that this listener supports, or "
    "KafkaBrokerUrl (KAFKA_BROKER_URL) to another port",
}
"""Remedies for authentication errors whose text is more specific than the code and the authentication method."""


class ClientErrors:
    """The client's errors, which explain why messages are not delivered. Each code is logged once.

    Args:
        on_refusal: called during a poll or flush whenever authentication fails.

    """

    def __init__(self, on_refusal: Callable[[], None]) -> None:
        self.latest: KafkaError | None = None
        self.refusal: KafkaError | None = None
        self._on_refusal = on_refusal
        self._logged: set[int] = set()

    def __call__(self, error: KafkaError) -> None:
        """Store an error, as librdkafka's error_cb."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # librdkafka's own code
            return  # it repeats after the error that has the reason
        self.latest = error
        if error.code() not in self._logged:
            self._logged.add(error.code())
            logger.warning("kafka client error", code=error.name(), reason=error.str())
        if find_rule(error).action is Action.AUTHENTICATION:
            self.refusal = error
            self._on_refusal()


def is_refused(error: KafkaError, *, alone: bool) -> bool:
    """Return True if Kafka rejected this message or another message of its batch, so that none was written.

    Args:
        error: the message's error.
        alone: whether the message was sent alone, so that no other message can have caused the error.

    """
    action = find_rule(error).action
    return action is Action.DEAD_LETTER or (action is Action.SPLIT and not alone)


def read_fatal(exception: Exception) -> KafkaError:
    """Return the fatal error that flush() raised, directly or as the cause of a callback's SystemError."""
    cause = exception if isinstance(exception, KafkaException) else exception.__cause__
    if not isinstance(cause, KafkaException):
        raise exception
    return cast("KafkaError", cause.args[0])


def raise_if_misconfigured(error: KafkaError, topic: str | None) -> None:
    """Raise Misconfigured with the remedy if an operator must fix this error."""
    rule = find_rule(error)
    if rule.action is Action.OPERATOR:
        refused = "the function" if topic is None else f"topic {topic}"
        raise Misconfigured(f"Kafka refuses {refused}: {rule.reason} ({error.name()}: {error.str()}): {rule.remedy}")


def make_authentication_error(error: KafkaError, authentication: "Authentication | None") -> Misconfigured:
    """Return the error for a failed authentication, with its remedy."""
    remedies = (remedy for text, remedy in _REMEDIES.items() if text in error.str())
    remedy = next(remedies, None) or _find_remedy(error, authentication)
    return Misconfigured(f"authentication to Kafka failed: {error.name()} ({error.str()}): {remedy}")


def _find_remedy(error: KafkaError, authentication: "Authentication | None") -> str:
    if authentication is None:
        return "set KafkaAuth (KAFKA_AUTH) to a method that the brokers support"
    if ALERT in error.str():
        return authentication.tls_remedy
    return _TLS_VERSIONS if error.code() == KafkaError._SSL else authentication.remedy  # noqa: SLF001  # librdkafka's own
