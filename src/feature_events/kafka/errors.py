"""Classify Kafka's errors: a table of every error code and its action, and the function's own errors made from it.

Most deployment mistakes surface here. The codes are those of `confluent_kafka.KafkaError`; librdkafka's own codes have
a leading underscore. A unit test compares the table with the installed librdkafka, so that new codes are classified
before a release uses them.
https://kafka.apache.org/protocol#protocol_error_codes
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException

from feature_events.errors import Misconfigured
from feature_events.logs import logger

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication


class Action(Enum):
    """The publisher's action on an error."""

    DEAD_LETTER = "dead-letter"
    """Kafka rejects one of these messages permanently. Split the wave, and dead-letter a message rejected alone."""
    SPLIT = "split"
    """Kafka rejected another message of the batch, and wrote none. Split the wave."""
    RETRY = "retry"
    """The outcome is unknown, or Kafka may accept the message later. Leave it to the retry."""
    OPERATOR = "operator"
    """An operator must act. The rule has the remedy."""
    AUTHENTICATION = "authentication"
    """An operator must act. The remedy depends on the authentication method."""


class Rule(NamedTuple):
    """The action on an error, its reason, and the remedy if an operator must act."""

    action: Action
    reason: str
    remedy: str = ""


OUTAGE = Rule(Action.RETRY, "the connection failed during authentication")
"""The rule for an authentication error whose text reports a lost connection or a busy broker."""
NEW_CODE = Rule(Action.RETRY, "the error code is unknown to this version of the function")

_CREATE_TOPIC = "create the topic, or set TopicName (TOPIC_NAME) to one that exists"
_UPGRADE = "upgrade the brokers: an idempotent producer needs Kafka 0.11 or later"

_GROUPS: Mapping[Rule, str] = {
    Rule(Action.DEAD_LETTER, "the message is too large, or failed the broker's validation"): """
        MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_RECORD INVALID_TIMESTAMP""",
    # KIP-467: a broker lists the records that it rejects. librdkafka reports the rest of the batch with this code.
    Rule(Action.SPLIT, "the broker rejected other messages of the batch"): "_INVALID_DIFFERENT_RECORD",
    Rule(Action.OPERATOR, "the topic does not exist", _CREATE_TOPIC): """
        UNKNOWN_TOPIC_OR_PART _UNKNOWN_TOPIC _UNKNOWN_PARTITION""",
    Rule(
        Action.OPERATOR, "the topic name is not valid", "set TopicName (TOPIC_NAME) to a valid name"
    ): "TOPIC_EXCEPTION",
    Rule(
        Action.OPERATOR,
        "the function has no permission to write",
        "grant the function kafka-cluster:WriteData and kafka-cluster:DescribeTopic (with KafkaAuth=iam) or the ACL "
        "operations Write and Describe on the topic",
    ): "TOPIC_AUTHORIZATION_FAILED",
    Rule(
        Action.OPERATOR,
        "the function has no permission to connect or to write idempotently",
        "grant the function kafka-cluster:Connect and kafka-cluster:WriteDataIdempotently (with KafkaAuth=iam) or the "
        "ACL operation IdempotentWrite on the cluster",
    ): "CLUSTER_AUTHORIZATION_FAILED",
    Rule(
        Action.OPERATOR,
        "the brokers do not support the compression",
        "set KafkaCompression (KAFKA_COMPRESSION) to a compression that the topic accepts",
    ): "UNSUPPORTED_COMPRESSION_TYPE",
    Rule(
        Action.OPERATOR,
        "the topic's message format does not support headers",
        "set the topic's message.format.version to 0.11 or later",
    ): "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    Rule(Action.OPERATOR, "the brokers are too old", _UPGRADE): "UNSUPPORTED_VERSION _UNSUPPORTED_FEATURE",
    Rule(
        Action.AUTHENTICATION, "the broker rejected the function, or the function rejected the broker's certificate"
    ): """
        SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM _AUTHENTICATION _SSL""",
    Rule(Action.RETRY, "a broker could not be reached, or the connection was lost"): """
        NETWORK_EXCEPTION BROKER_NOT_AVAILABLE _TRANSPORT _FAIL _RESOLVE _ALL_BROKERS_DOWN _NODE_UPDATE _UNKNOWN_BROKER
        REBOOTSTRAP_REQUIRED _DESTROY_BROKER""",
    Rule(Action.RETRY, "the broker did not respond in time; the message may have been written"): """
        REQUEST_TIMED_OUT NOT_ENOUGH_REPLICAS_AFTER_APPEND _MSG_TIMED_OUT _TIMED_OUT _TIMED_OUT_QUEUE
        _PURGE_INFLIGHT""",
    Rule(Action.RETRY, "the message was not sent before the deadline, or its producer was closed"): """
        _PURGE_QUEUE _QUEUE_FULL _DESTROY""",
    Rule(Action.RETRY, "the partition's leader or replicas are unavailable or have moved"): """
        LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION REPLICA_NOT_AVAILABLE NOT_ENOUGH_REPLICAS FENCED_LEADER_EPOCH
        UNKNOWN_LEADER_EPOCH PREFERRED_LEADER_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE UNKNOWN_TOPIC_ID
        INCONSISTENT_TOPIC_ID LISTENER_NOT_FOUND _ISR_INSUFF""",
    Rule(Action.RETRY, "the broker is busy, or has a temporary fault"): """
        UNKNOWN KAFKA_STORAGE_ERROR THROTTLING_QUOTA_EXCEEDED COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE
        NOT_COORDINATOR NOT_CONTROLLER STALE_CTRL_EPOCH STALE_BROKER_EPOCH LOG_DIR_NOT_FOUND
        REASSIGNMENT_IN_PROGRESS""",
    Rule(Action.RETRY, "a request or response was corrupted"): """
        INVALID_MSG INVALID_MSG_SIZE INVALID_REQUEST _BAD_MSG _BAD_COMPRESSION _PARTIAL _UNDERFLOW""",
    Rule(
        Action.RETRY, "the session of the connection ended; the next connection starts a new one"
    ): "ILLEGAL_SASL_STATE",
    Rule(Action.RETRY, "the idempotent producer lost its sequence; the retry creates a new producer"): """
        OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER INVALID_PRODUCER_EPOCH UNKNOWN_PRODUCER_ID
        INVALID_PRODUCER_ID_MAPPING PRODUCER_FENCED _FATAL _FENCED _INCONSISTENT _GAPLESS_GUARANTEE""",
    Rule(Action.RETRY, "librdkafka is in a state that may be temporary"): """
        _CRIT_SYS_RESOURCE _FS _INVALID_ARG _STATE _CONFLICT _IN_PROGRESS _PREV_IN_PROGRESS _WAIT_COORD _WAIT_CACHE
        _INTR _RETRY _OUTDATED _NOT_IMPLEMENTED _NOT_CONFIGURED _UNKNOWN_PROTOCOL _READ_ONLY _NOENT _INVALID_TYPE _NOOP
        _APPLICATION""",
    Rule(Action.RETRY, "this error occurs only in transactions, which the publisher does not use"): """
        INVALID_TXN_STATE INVALID_TRANSACTION_TIMEOUT CONCURRENT_TRANSACTIONS TRANSACTION_COORDINATOR_FENCED
        TRANSACTIONAL_ID_AUTHORIZATION_FAILED TRANSACTION_ABORTABLE""",
    Rule(Action.RETRY, "this error occurs only in consumers"): """
        OFFSET_OUT_OF_RANGE OFFSET_METADATA_TOO_LARGE OFFSET_NOT_AVAILABLE UNSTABLE_OFFSET_COMMIT ILLEGAL_GENERATION
        INCONSISTENT_GROUP_PROTOCOL INVALID_GROUP_ID UNKNOWN_MEMBER_ID INVALID_SESSION_TIMEOUT REBALANCE_IN_PROGRESS
        INVALID_COMMIT_OFFSET_SIZE GROUP_AUTHORIZATION_FAILED NON_EMPTY_GROUP GROUP_ID_NOT_FOUND
        FETCH_SESSION_ID_NOT_FOUND INVALID_FETCH_SESSION_EPOCH MEMBER_ID_REQUIRED GROUP_MAX_SIZE_REACHED
        FENCED_INSTANCE_ID GROUP_SUBSCRIBED_TO_TOPIC FENCED_MEMBER_EPOCH UNRELEASED_INSTANCE_ID UNSUPPORTED_ASSIGNOR
        STALE_MEMBER_EPOCH INVALID_RECORD_STATE SHARE_SESSION_NOT_FOUND INVALID_SHARE_SESSION_EPOCH
        SHARE_SESSION_LIMIT_REACHED FENCED_STATE_EPOCH INVALID_REGULAR_EXPRESSION STREAMS_INVALID_TOPOLOGY
        STREAMS_INVALID_TOPOLOGY_EPOCH STREAMS_TOPOLOGY_FENCED _PARTITION_EOF _UNKNOWN_GROUP _EXISTING_SUBSCRIPTION
        _ASSIGN_PARTITIONS _REVOKE_PARTITIONS _NO_OFFSET _KEY_DESERIALIZATION _VALUE_DESERIALIZATION
        _MAX_POLL_EXCEEDED _ASSIGNMENT_LOST _AUTO_OFFSET_RESET _LOG_TRUNCATION""",
    Rule(Action.RETRY, "this error occurs only for requests that the publisher does not send"): """
        INVALID_REQUIRED_ACKS TOPIC_ALREADY_EXISTS INVALID_PARTITIONS INVALID_REPLICATION_FACTOR
        INVALID_REPLICA_ASSIGNMENT INVALID_CONFIG POLICY_VIOLATION SECURITY_DISABLED OPERATION_NOT_ATTEMPTED
        DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_OWNER_MISMATCH
        DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DELEGATION_TOKEN_AUTHORIZATION_FAILED DELEGATION_TOKEN_EXPIRED
        INVALID_PRINCIPAL_TYPE TOPIC_DELETION_DISABLED ELECTION_NOT_NEEDED NO_REASSIGNMENT_IN_PROGRESS
        RESOURCE_NOT_FOUND DUPLICATE_RESOURCE UNACCEPTABLE_CREDENTIAL INCONSISTENT_VOTER_SET INVALID_UPDATE_VERSION
        FEATURE_UPDATE_FAILED PRINCIPAL_DESERIALIZATION_FAILURE MISMATCHED_ENDPOINT_TYPE UNSUPPORTED_ENDPOINT_TYPE
        UNKNOWN_CONTROLLER_ID UNKNOWN_SUBSCRIPTION_ID TELEMETRY_TOO_LARGE INVALID_REGISTRATION INVALID_VOTER_KEY
        DUPLICATE_VOTER VOTER_NOT_FOUND _KEY_SERIALIZATION _VALUE_SERIALIZATION""",
}

RULES: Mapping[str, Rule] = {name: rule for rule, names in _GROUPS.items() for name in names.split()}
"""The rule for each code, by its name."""

ALERT = "SSL alert number"
"""The text with which a broker rejects a TLS connection, with any code.

https://www.rfc-editor.org/rfc/rfc8446#section-6
"""

_OUTAGES = (
    # An authentication request timed out, or its connection was closed
    "Local: Timed out",
    "Local: Broker transport failure",
    "Local: Broker handle destroyed",
    "Disconnected",
    "SSL transport error",
    "unexpected eof while reading",
    # The alert internal_error: RFC 8446 defines it as an error unrelated to the peer
    "SSL alert number 80",
    # MSK limits the rate of new IAM connections (https://github.com/aws/aws-msk-iam-auth/issues/28)
    "Too many connects",
    # The next token was not signed; the reason is already logged
    "SASL OAUTHBEARER token",
    "no token available",
)
"""Texts of authentication errors that are not caused by credentials."""


def find_rule(error: KafkaError) -> Rule:
    """Return the rule for an error, by its code, or by its text if that is more specific."""
    rule = RULES.get(error.name(), NEW_CODE)
    if rule.action is Action.AUTHENTICATION or ALERT in error.str():
        is_outage = any(text in error.str() for text in _OUTAGES)
        return OUTAGE if is_outage else RULES["_AUTHENTICATION"]
    return rule


# flush() raises these after a fatal error. The client raises the error in a callback, and the next callback can fail
# because of it.
LOST = (KafkaException, SystemError)


_TLS_VERSIONS = "check which TLS versions and ciphers the brokers allow"

_REMEDIES: Mapping[str, str] = {
    "certificate verify failed": "check the brokers' certificates, and the CA certificates in KafkaCaSecretArn "
    "(KAFKA_CA_SECRET_ARN)",
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
        refuse: raises Misconfigured for an error that an operator must fix. Its remedy depends on the client.

    """

    def __init__(
        self, on_refusal: Callable[[], None], refuse: Callable[[KafkaError, str | None], None] | None = None
    ) -> None:
        self.latest: KafkaError | None = None
        self.refusal: KafkaError | None = None
        self.refuse = refuse or raise_if_misconfigured
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
