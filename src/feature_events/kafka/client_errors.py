"""Turn Kafka's errors into the function's own, by the rules of the error table.

Most mistakes of a deployment appear here. The rule for an error says whether an operator must act, whether Kafka
refused to authenticate the function, or whether it never accepts one message. Everything else may work later.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from confluent_kafka import KafkaError, KafkaException

from feature_events.errors import Misconfigured
from feature_events.kafka.error_table import ALERT, Action, find_rule
from feature_events.logs import logger

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

# How flush() tells of a fatal error: the client raises it among the callbacks, and the next one can fail on that
LOST = (KafkaException, SystemError)


_OTHER_TLS = "check which versions and ciphers of TLS the brokers allow"

_REMEDIES: Mapping[str, str] = {
    "certificate verify failed": "check the brokers' certificates, and the CA certificates that the function trusts: "
    "KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
    # The answer is not TLS
    "wrong version number": "check the port in KafkaBrokerUrl (KAFKA_BROKER_URL), and KafkaAuth (KAFKA_AUTH): this "
    "port does not speak TLS",
    # https://www.rfc-editor.org/rfc/rfc8446#section-6.2: protocol_version and insufficient_security
    "SSL alert number 70": _OTHER_TLS,
    "SSL alert number 71": _OTHER_TLS,
    # A broker says so whatever the code
    "Unsupported SASL mechanism": "set KafkaAuth (KAFKA_AUTH) to a method that this listener offers, or KafkaBrokerUrl "
    "(KAFKA_BROKER_URL) to another port",
}
"""What to do about a failed authentication whose text says more than its code and the authentication method."""


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
        if find_rule(error).action is Action.AUTHENTICATION:
            self.refusal = error
            self._on_refusal()


def is_refused(error: KafkaError, *, alone: bool) -> bool:
    """Return True if the message was not written, because Kafka never accepts it or another one of its batch.

    Args:
        error: the message's.
        alone: whether the message was sent alone. It cannot have failed because of another one then.

    """
    action = find_rule(error).action
    return action is Action.DEAD_LETTER or (action is Action.SPLIT and not alone)


def read_fatal(exception: Exception) -> KafkaError:
    """The fatal error that flush() raised, itself or as the cause of a callback's SystemError."""
    cause = exception if isinstance(exception, KafkaException) else exception.__cause__
    if not isinstance(cause, KafkaException):
        raise exception
    return cast("KafkaError", cause.args[0])


def raise_if_misconfigured(error: KafkaError, topic: str | None) -> None:
    """Raise Misconfigured if only an operator can fix this error, with what to do."""
    rule = find_rule(error)
    if rule.action is Action.OPERATOR:
        refused = "the function" if topic is None else f"topic {topic}"
        raise Misconfigured(f"Kafka refuses {refused}: {rule.reason} ({error.name()}: {error.str()}): {rule.remedy}")


def to_authentication_refusal(error: KafkaError, authentication: "Authentication | None") -> Misconfigured:
    """Return the error of a failed authentication, with what to look at."""
    remedies = (remedy for text, remedy in _REMEDIES.items() if text in error.str())
    remedy = next(remedies, None) or _find_remedy(error, authentication)
    return Misconfigured(f"authentication to Kafka failed: {error.name()} ({error.str()}): {remedy}")


def _find_remedy(error: KafkaError, authentication: "Authentication | None") -> str:
    if authentication is None:
        return "set KafkaAuth (KAFKA_AUTH) to what the brokers ask for"
    if ALERT in error.str():
        return authentication.tls_remedy
    return _OTHER_TLS if error.code() == KafkaError._SSL else authentication.remedy  # noqa: SLF001  # librdkafka's own
