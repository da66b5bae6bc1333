"""Map every error code of Kafka and librdkafka to what the publisher does about it.

The codes are those of `confluent_kafka.KafkaError`; a leading underscore marks librdkafka's own. A unit test compares
the table with the installed librdkafka, so that a new code is classified before it is met.
https://kafka.apache.org/protocol#protocol_error_codes
https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka.h
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from confluent_kafka import KafkaError


class Action(Enum):
    """What to do about an error."""

    DEAD_LETTER = "dead-letter"
    """Kafka never accepts one of these messages: send them in smaller parts, and dead-letter what is refused alone."""
    SPLIT = "split"
    """Another message of the batch was refused, and none was written: send them in smaller parts."""
    RETRY = "retry"
    """Nothing is known about the message, or it may be accepted later: leave it to the retry."""
    OPERATOR = "operator"
    """An operator must act; the remedy says how."""
    AUTHENTICATION = "authentication"
    """An operator must act; the remedy depends on the kind of authentication."""


class Rule(NamedTuple):
    """What to do about an error, why, and for an operator the remedy."""

    action: Action
    reason: str
    remedy: str = ""


OUTAGE = Rule(Action.RETRY, "the connection failed while it was being authenticated")
"""An error of authentication, as its code says, that is a lost connection or a busy broker, as its text says."""
NEW_CODE = Rule(Action.RETRY, "this version of the function does not know the code")

_CREATE_TOPIC = "create the topic, or set TopicName (TOPIC_NAME) to one that exists"
_UPGRADE = "upgrade the brokers: an idempotent producer needs Kafka 0.11 or later"

_GROUPS: Mapping[Rule, str] = {
    Rule(Action.DEAD_LETTER, "the message is too large, or the broker's checks reject it"): """
        MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE INVALID_RECORD INVALID_TIMESTAMP""",
    # KIP-467: a broker names the records that it rejects; librdkafka reports the rest of the batch by this code
    Rule(Action.SPLIT, "the broker rejected other messages of the batch"): "_INVALID_DIFFERENT_RECORD",
    Rule(Action.OPERATOR, "the topic does not exist", _CREATE_TOPIC): """
        UNKNOWN_TOPIC_OR_PART _UNKNOWN_TOPIC _UNKNOWN_PARTITION""",
    Rule(
        Action.OPERATOR, "the name is not valid", "set TopicName (TOPIC_NAME) to a name that Kafka allows"
    ): "TOPIC_EXCEPTION",
    Rule(
        Action.OPERATOR,
        "the function has no permission to write",
        "grant the function WriteData and DescribeTopic on the topic",
    ): "TOPIC_AUTHORIZATION_FAILED",
    Rule(
        Action.OPERATOR,
        "the function has no permission to connect or to write idempotently",
        "grant the function Connect and WriteDataIdempotently on the cluster",
    ): "CLUSTER_AUTHORIZATION_FAILED",
    Rule(
        Action.OPERATOR,
        "the brokers do not support the compression",
        "set KafkaCompression (KAFKA_COMPRESSION) to one that the topic accepts",
    ): "UNSUPPORTED_COMPRESSION_TYPE",
    Rule(
        Action.OPERATOR,
        "the topic's message format has no headers",
        "set message.format.version of the topic to 0.11 or later",
    ): "UNSUPPORTED_FOR_MESSAGE_FORMAT",
    Rule(Action.OPERATOR, "the brokers are too old", _UPGRADE): "UNSUPPORTED_VERSION _UNSUPPORTED_FEATURE",
    Rule(Action.AUTHENTICATION, "the broker refused the function, or the function the broker"): """
        SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM _AUTHENTICATION _SSL""",
    Rule(Action.RETRY, "a broker was not reached, or the connection was lost"): """
        NETWORK_EXCEPTION BROKER_NOT_AVAILABLE _TRANSPORT _FAIL _RESOLVE _ALL_BROKERS_DOWN _NODE_UPDATE _UNKNOWN_BROKER
        REBOOTSTRAP_REQUIRED _DESTROY_BROKER""",
    Rule(Action.RETRY, "no answer came in time; the message may have been written"): """
        REQUEST_TIMED_OUT NOT_ENOUGH_REPLICAS_AFTER_APPEND _MSG_TIMED_OUT _TIMED_OUT _TIMED_OUT_QUEUE
        _PURGE_INFLIGHT""",
    Rule(Action.RETRY, "the message was not sent before the deadline, or its producer was ended"): """
        _PURGE_QUEUE _QUEUE_FULL _DESTROY""",
    Rule(Action.RETRY, "the partition's leader or its replicas are not available, or have moved"): """
        LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION REPLICA_NOT_AVAILABLE NOT_ENOUGH_REPLICAS FENCED_LEADER_EPOCH
        UNKNOWN_LEADER_EPOCH PREFERRED_LEADER_NOT_AVAILABLE ELIGIBLE_LEADERS_NOT_AVAILABLE UNKNOWN_TOPIC_ID
        INCONSISTENT_TOPIC_ID LISTENER_NOT_FOUND _ISR_INSUFF""",
    Rule(Action.RETRY, "the broker has a temporary fault, or is busy"): """
        UNKNOWN KAFKA_STORAGE_ERROR THROTTLING_QUOTA_EXCEEDED COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE
        NOT_COORDINATOR NOT_CONTROLLER STALE_CTRL_EPOCH STALE_BROKER_EPOCH LOG_DIR_NOT_FOUND
        REASSIGNMENT_IN_PROGRESS""",
    Rule(Action.RETRY, "bytes were damaged on their way, or not understood"): """
        INVALID_MSG INVALID_MSG_SIZE INVALID_REQUEST _BAD_MSG _BAD_COMPRESSION _PARTIAL _UNDERFLOW""",
    Rule(Action.RETRY, "the session of the connection ended; the next connection begins another"): "ILLEGAL_SASL_STATE",
    Rule(Action.RETRY, "the idempotent producer lost its place; the retry makes another"): """
        OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER INVALID_PRODUCER_EPOCH UNKNOWN_PRODUCER_ID
        INVALID_PRODUCER_ID_MAPPING PRODUCER_FENCED _FATAL _FENCED _INCONSISTENT _GAPLESS_GUARANTEE""",
    Rule(Action.RETRY, "librdkafka is in a state that another attempt might not find"): """
        _CRIT_SYS_RESOURCE _FS _INVALID_ARG _STATE _CONFLICT _IN_PROGRESS _PREV_IN_PROGRESS _WAIT_COORD _WAIT_CACHE
        _INTR _RETRY _OUTDATED _NOT_IMPLEMENTED _NOT_CONFIGURED _UNKNOWN_PROTOCOL _READ_ONLY _NOENT _INVALID_TYPE _NOOP
        _APPLICATION""",
    Rule(Action.RETRY, "only transactions have this error, and the publisher uses none"): """
        INVALID_TXN_STATE INVALID_TRANSACTION_TIMEOUT CONCURRENT_TRANSACTIONS TRANSACTION_COORDINATOR_FENCED
        TRANSACTIONAL_ID_AUTHORIZATION_FAILED TRANSACTION_ABORTABLE""",
    Rule(Action.RETRY, "only consumers have this error"): """
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
    Rule(Action.RETRY, "only requests that the publisher does not send have this error"): """
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
"""With this text a broker refuses a TLS connection, whatever the code (https://www.rfc-editor.org/rfc/rfc8446#section-6)."""

_OUTAGES = (
    # A request of the authentication got no answer, or its connection ended
    "Local: Timed out",
    "Local: Broker transport failure",
    "Local: Broker handle destroyed",
    "Disconnected",
    "SSL transport error",
    "unexpected eof while reading",
    # The alert for an error within the broker, which by RFC 8446 is unrelated to the client
    "SSL alert number 80",
    # MSK limits new connections of IAM per second (https://github.com/aws/aws-msk-iam-auth/issues/28)
    "Too many connects",
    # The next token was not signed; what signs it has logged why
    "SASL OAUTHBEARER token",
    "no token available",
)
"""Texts of errors of authentication that no credential causes."""


def find_rule(error: KafkaError) -> Rule:
    """Return the rule for an error: that of its code, unless its text says more than the code."""
    rule = RULES.get(error.name(), NEW_CODE)
    if rule.action is Action.AUTHENTICATION or ALERT in error.str():
        is_outage = any(text in error.str() for text in _OUTAGES)
        return OUTAGE if is_outage else RULES["_AUTHENTICATION"]
    return rule
