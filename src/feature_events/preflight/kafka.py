"""Check that the function can reach Kafka, authenticate, and write to the topic; nothing is written.

The checks use a client with the function's own properties, because only Kafka knows what its policies and ACLs allow.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AclOperation,
    AdminClient,
    ConfigResource,
    ResourceType,
)

from feature_events.aws.secret import Secret
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.kafka.authentication import CA_TEXT, Authentication
from feature_events.kafka.errors import LOST, ClientErrors, raise_if_misconfigured, read_fatal
from feature_events.kafka.producer import close_in_background, connect, to_producer_properties
from feature_events.kafka.tokens import OAUTH_SETTINGS
from feature_events.preflight.aws import to_check_name
from feature_events.preflight.check import Check, Stages, Warned
from feature_events.preflight.network import make_network_stages, make_token_stages, to_address
from feature_events.settings.kafka_properties import CA_PROPERTY
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS, Settings
from feature_events.web.session import make_tls_context

AUTHENTICATION, TOPIC, WRITE, PRODUCER_ID = "authentication", "topic", "write to the topic", "idempotent producer"
"""Names of checks."""

CONFIGURATION = "topic configuration"
"""The name of the check that can only warn."""

_ENDPOINT = "token endpoint of Kafka"
_SECRET, _CA = to_check_name(KAFKA_CREDENTIALS), to_check_name(KAFKA_CA)
_ANSWER_SECONDS = 5.0  # less than a check may take, so that its own error is reported
_GRACE_SECONDS = 1.0  # for librdkafka to report that a request timed out

_TIMESTAMPS, _IN_SYNC = "message.timestamp.type", "min.insync.replicas"


@contextmanager
def open_kafka_checks(settings: Settings) -> Iterator[Stages]:
    """Return the checks of Kafka. They share a connection, which is closed with the context."""
    authentication = None if settings.kafka_auth == "none" else Authentication(settings)
    path: Stages = []
    if not settings.is_embedded:
        addresses = [to_address(f"//{broker}") for broker in settings.brokers.split(",")]
        make_context = partial(_make_context, settings, authentication) if authentication else None
        path = make_network_stages(addresses, make_context, _CA)
    last = [check.name for check in path[-1]] if path else []
    kafka = _Kafka(settings, authentication)
    try:
        yield [
            *path,
            *_make_token_stages(settings),
            [Check(AUTHENTICATION, kafka.authenticate, [_SECRET, _CA, _ENDPOINT], last)],
            [
                Check(TOPIC, kafka.find_topic, [AUTHENTICATION]),
                Check(PRODUCER_ID, kafka.get_producer_id, [AUTHENTICATION]),
            ],
            [
                Check(WRITE, kafka.check_permission, [AUTHENTICATION, TOPIC]),
                Check(CONFIGURATION, kafka.check_configuration, [AUTHENTICATION, TOPIC]),
            ],
        ]
    finally:
        kafka.close()


def _make_context(settings: Settings, authentication: Authentication) -> ssl.SSLContext:
    """Return a TLS context that trusts the same certificates as librdkafka."""
    trusted = {**settings.kafka_properties, **authentication.read_ca_properties()}
    if CA_TEXT in trusted:
        return make_tls_context(KAFKA_CA, str(trusted[CA_TEXT]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    location = str(trusted[CA_PROPERTY])
    if location == "probe":  # librdkafka's value for the operating system's certificates
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(location)
    except OSError:
        raise Misconfigured(
            f"{CA_PROPERTY} in KafkaProperties (KAFKA_PROPERTIES) must name a file of CA certificates in PEM"
        ) from None
    return context


def _make_token_stages(settings: Settings) -> Stages:
    """Return the checks of the token endpoint, if Kafka accepts tokens from one."""
    if settings.kafka_auth != "oauth":
        return []
    ca_secret = settings.kafka_ca_secret
    try:
        client = Secret(KAFKA_CREDENTIALS, settings.kafka_secret or "").read_oauth_client()
        ca = Secret(KAFKA_CA, ca_secret).read_ca_certificates() if ca_secret else None
    except FeatureEventsError:
        return []  # the secret's check reports the error
    return make_token_stages(_ENDPOINT, client, ca, OAUTH_SETTINGS, _CA)


class _Kafka:
    """Clients for the checks, with the function's own properties."""

    def __init__(self, settings: Settings, authentication: Authentication | None) -> None:
        self._settings = settings
        self._authentication = authentication
        self._producer: Producer | None = None
        self._idempotence = ""
        self._replicas = 0

    def authenticate(self) -> str:
        properties, errors = to_producer_properties(self._settings), ClientErrors(lambda: None)
        self._producer = connect(properties, self._authentication, None, Deadline(_ANSWER_SECONDS), errors)
        return f"connected with KAFKA_AUTH={self._settings.kafka_auth}"

    def find_topic(self) -> str:
        if self._producer is None:
            raise Undelivered(f"not connected to Kafka: fix what the check {AUTHENTICATION} reports, and run it again")
        name = self._settings.topic
        try:
            topic = self._producer.list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
        except KafkaException as exception:
            raise self._classify(exception.args[0]) from None
        if topic.error is not None:
            raise self._classify(topic.error)
        self._replicas = min((len(partition.replicas) for partition in topic.partitions.values()), default=0)
        return f"found, with {len(topic.partitions)} partition(s)"

    def check_permission(self) -> str:
        if self._settings.is_embedded:
            return "librdkafka's embedded broker allows everything"
        topic = self._settings.topic
        try:
            with self._open_admin() as admin:
                described = admin.describe_topics(
                    TopicCollection([topic]), include_authorized_operations=True, request_timeout=_ANSWER_SECONDS
                )
                allowed = described[topic].result(_ANSWER_SECONDS + _GRACE_SECONDS).authorized_operations
        except KafkaException as exception:
            raise self._classify(exception.args[0]) from None
        if not allowed:
            return "the broker did not report permissions"
        if AclOperation.WRITE not in allowed:
            raise Misconfigured(
                f"the function is not allowed to write to {topic}: grant it kafka-cluster:WriteData (with "
                "KafkaAuth=iam) or the ACL operation Write on the topic"
            )
        return "allowed, as reported by the broker; nothing was written"

    def check_configuration(self) -> str | Warned:
        """Warn about a topic on which acknowledged events can be lost, or consumers cannot order them.

        A configuration that cannot be read does not fail the check, because publishing does not need to read it.
        """
        if self._settings.is_embedded:
            return "librdkafka's embedded broker has no topic configuration"
        values, unread = self._read_configuration()
        warnings = _find_warnings(self._replicas, values)
        if warnings:
            return Warned("; ".join(warnings + unread))
        found = [f"{name} is {values[name]}" for name in (_TIMESTAMPS, _IN_SYNC) if name in values]
        return "; ".join([f"the replication factor is {self._replicas}", *found, *unread])

    def _read_configuration(self) -> tuple[Mapping[str, str], list[str]]:
        """Return the topic's configuration, and the reason if it cannot be read."""
        resource = ConfigResource(ResourceType.TOPIC, self._settings.topic)
        try:
            with self._open_admin() as admin:
                described = admin.describe_configs([resource], request_timeout=_ANSWER_SECONDS)
                entries = described[resource].result(_ANSWER_SECONDS + _GRACE_SECONDS)
        except KafkaException as exception:
            return {}, [_describe_unread(exception.args[0])]
        return {name: entry.value for name, entry in entries.items()}, []

    @contextmanager
    def _open_admin(self) -> Iterator[AdminClient]:
        own = self._authentication.read_properties(Deadline(_ANSWER_SECONDS)) if self._authentication else {}
        admin = AdminClient({**to_producer_properties(self._settings), **own})
        try:
            yield admin
        finally:
            close_in_background(admin)

    def get_producer_id(self) -> str:
        """Wait until a producer has its id, which only its statistics show.

        It is a separate producer, because one whose request for an id is refused cannot be used for anything else.
        """
        deadline, errors = Deadline(_ANSWER_SECONDS), ClientErrors(lambda: None)
        properties: dict[str, Any] = {
            **to_producer_properties(self._settings),
            "enable.idempotence": "true",
            "statistics.interval.ms": 100,
            "stats_cb": self._read_statistics,
        }
        producer = connect(properties, self._authentication, None, deadline, errors)
        try:
            while deadline.remaining():
                producer.poll(0.1)
                if self._idempotence == "Assigned":
                    return "producer id assigned"
        except LOST as exception:
            raise self._classify(read_fatal(exception)) from None
        finally:
            close_in_background(producer)
        if errors.latest is not None:
            raise self._classify(errors.latest)
        raise Undelivered(
            f"Kafka assigned no producer id within {_ANSWER_SECONDS:.0f} s: check the brokers' state, and run the "
            "check again"
        )

    def close(self) -> None:
        """Close the connection in the background, so that the report does not wait for the client's threads."""
        if self._producer is not None:
            close_in_background(self._producer)
        self._producer = None

    def _read_statistics(self, text: str) -> None:
        self._idempotence = json.loads(text).get("eos", {}).get("idemp_state", "")

    def _classify(self, error: KafkaError) -> FeatureEventsError:
        try:
            raise_if_misconfigured(error, self._settings.topic)
        except Misconfigured as misconfigured:
            return misconfigured
        return Undelivered(
            f"Kafka returned {error.name()} ({error.str()}): check the brokers' state, and run the check again"
        )


def _find_warnings(replicas: int, configuration: Mapping[str, str]) -> list[str]:
    """Return what should be changed on a topic."""
    warnings = []
    if configuration.get(_TIMESTAMPS) == "LogAppendTime":
        warnings.append(
            f"{_TIMESTAMPS} is LogAppendTime: Kafka replaces the times of events, so that consumers order them by "
            "arrival; set it to CreateTime"
        )
    if replicas == 1:
        warnings.append(
            "the replication factor is 1: events are lost if the broker that stores them fails; use 3 in production "
            "(1 is normal on a test cluster with one broker)"
        )
    if configuration.get(_IN_SYNC) == "1":
        warnings.append(
            f"{_IN_SYNC} is 1: Kafka acknowledges events that only one broker has stored; use 2 with replication "
            "factor 3"
        )
    return warnings


def _describe_unread(error: KafkaError) -> str:
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return (
            "the topic's configuration could not be read: to check it, grant the function "
            "kafka-cluster:DescribeTopicDynamicConfiguration (with KafkaAuth=iam) or the ACL operation DescribeConfigs "
            "on the topic"
        )
    return f"the topic's configuration could not be read ({error.name()}: {error.str()})"
