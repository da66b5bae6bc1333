"""Asks Kafka whether the function reaches it, can authenticate, and is allowed to write; nothing is written.

Each answer is Kafka's own, to a client with the function's own properties: what a policy or an ACL allows, only who
decides it can say.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # exported, if not by name

from feature_events.aws.secret import Secret
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.kafka.authentication import CA_TEXT, Authentication
from feature_events.kafka.client_errors import LOST, ClientErrors, raise_if_misconfigured, read_fatal
from feature_events.kafka.producer import close_in_background, connect, to_producer_properties
from feature_events.preflight.check import Check, Stages, to_secret_name
from feature_events.preflight.network import network_stages, to_address
from feature_events.settings.kafka_properties import CA_PROPERTY
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS, Settings
from feature_events.web.session import make_tls_context

AUTHENTICATION, TOPIC, WRITE, PRODUCER_ID = "authentication", "topic", "write to the topic", "idempotent producer"
ENDPOINT = "token endpoint of Kafka"
"""The names of the probes."""

_ANSWER_SECONDS = 5.0  # less than a probe has, so that the reason is the probe's own
_SECRET, _CA = to_secret_name(KAFKA_CREDENTIALS), to_secret_name(KAFKA_CA)


@contextmanager
def open_probes(settings: Settings) -> Iterator[Stages]:
    """The probes of Kafka, which share a connection that ends with the context."""
    authentication = None if settings.kafka_auth == "none" else Authentication(settings)
    path: Stages = []
    if not settings.is_embedded:
        addresses = [to_address(f"//{broker}") for broker in settings.brokers.split(",")]
        context = partial(_to_tls_context, settings, authentication) if authentication else None
        path = network_stages(addresses, context, _CA)
    reached = [probe.name for probe in path[-1]] if path else []
    kafka = _Kafka(settings, authentication)
    try:
        yield [
            *path,
            *_token_stages(settings),
            [Check(AUTHENTICATION, kafka.authenticate, [_SECRET, _CA, ENDPOINT], reached)],
            [
                Check(TOPIC, kafka.find_topic, [AUTHENTICATION]),
                Check(PRODUCER_ID, kafka.get_producer_id, [AUTHENTICATION]),
            ],
            [Check(WRITE, kafka.ask_for_write, [AUTHENTICATION, TOPIC])],
        ]
    finally:
        kafka.close()


def _to_tls_context(settings: Settings, authentication: Authentication) -> ssl.SSLContext:
    """Trusts what librdkafka is told to trust."""
    trusted = {**settings.kafka_properties, **authentication.read_ca_properties()}
    if CA_TEXT in trusted:
        return make_tls_context(KAFKA_CA, str(trusted[CA_TEXT]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    location = str(trusted[CA_PROPERTY])
    if location == "probe":  # librdkafka's word for the operating system's places
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(location)
    except OSError:
        raise Misconfigured(f"KAFKA_PROPERTIES: {CA_PROPERTY} must name a file of CA certificates in PEM") from None
    return context


def _token_stages(settings: Settings) -> Stages:
    """Return the probes of the token endpoint, if Kafka is shown tokens from one."""
    if settings.kafka_auth != "oauth":
        return []
    from feature_events.kafka.tokens import OAUTH_SETTINGS
    from feature_events.preflight.http import token_stages

    ca_secret = settings.kafka_ca_secret
    try:
        client = Secret(KAFKA_CREDENTIALS, settings.kafka_secret or "").read_oauth_client()
        ca = Secret(KAFKA_CA, ca_secret).read_ca_certificates() if ca_secret else None
    except FeatureEventsError:
        return []  # the probe of the secret says why
    return token_stages(ENDPOINT, client, ca, OAUTH_SETTINGS, _CA)


class _Kafka:
    """The questions, by the function's own properties."""

    def __init__(self, settings: Settings, authentication: Authentication | None) -> None:
        self._settings = settings
        self._authentication = authentication
        self._producer: Producer | None = None
        self._idempotence = ""

    def authenticate(self) -> str:
        properties, errors = to_producer_properties(self._settings), ClientErrors(lambda: None)
        self._producer = connect(properties, self._authentication, None, Deadline(_ANSWER_SECONDS), errors)
        return f"connected with KAFKA_AUTH={self._settings.kafka_auth}"

    def find_topic(self) -> str:
        name = self._settings.topic
        try:
            topic = self._to_producer().list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
        except KafkaException as exception:
            raise self._to_error(exception.args[0]) from None
        if topic.error is not None:
            raise self._to_error(topic.error)
        return f"found, with {len(topic.partitions)} partition(s)"

    def ask_for_write(self) -> str:
        if self._settings.is_embedded:
            return "librdkafka's own broker asks nobody"
        own = self._authentication.read_properties(Deadline(_ANSWER_SECONDS)) if self._authentication else {}
        admin = AdminClient({**to_producer_properties(self._settings), **own})
        topic = self._settings.topic
        try:
            asked = admin.describe_topics(
                TopicCollection([topic]), include_authorized_operations=True, request_timeout=_ANSWER_SECONDS
            )
            allowed = asked[topic].result(_ANSWER_SECONDS).authorized_operations
        except KafkaException as exception:
            raise self._to_error(exception.args[0]) from None
        finally:
            close_in_background(admin)
        if not allowed:
            return "Kafka does not say"
        if AclOperation.WRITE not in allowed:
            raise Misconfigured(f"no write to {topic} is allowed: grant the function WriteData on it")
        return "allowed, as Kafka says; nothing was written"

    def get_producer_id(self) -> str:
        """Waits until a producer has its id, which it asks for by itself and tells of only in its statistics.

        It is a producer of its own: one that is refused an id is at its end, and answers nothing else.
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
                    return "given"
        except LOST as exception:
            raise self._to_error(read_fatal(exception)) from None
        finally:
            close_in_background(producer)
        if errors.latest is not None:
            raise self._to_error(errors.latest)
        raise Undelivered(f"Kafka gave no producer id within {_ANSWER_SECONDS:.0f} s")

    def close(self) -> None:
        """Ends the connection; the report waits for no thread of the client."""
        if self._producer is not None:
            close_in_background(self._producer)
        self._producer = None

    def _to_producer(self) -> Producer:
        if self._producer is None:
            raise Undelivered("there is no connection to Kafka")
        return self._producer

    def _read_statistics(self, text: str) -> None:
        self._idempotence = json.loads(text).get("eos", {}).get("idemp_state", "")

    def _to_error(self, error: KafkaError) -> FeatureEventsError:
        try:
            raise_if_misconfigured(error, self._settings.topic)
        except Misconfigured as misconfigured:
            return misconfigured
        return Undelivered(f"Kafka answers {error.name()} ({error.str()})")
