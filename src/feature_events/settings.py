"""Reads the environment into Settings, once, with every mistake named in one message.

Whoever deploys should have to correct and deploy once, not once per mistake.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, cast
from urllib.parse import urlsplit

from feature_events.errors import Misconfigured

type FeaturesMode = Literal["all", "changed"]
"""Which features of a written item an event names: every one, or those whose value changed."""

type HeadersMode = Literal["cloudevents", "none"]

type SchemaVersion = int | Literal["latest"] | None

type KafkaAuth = Literal["none", "tls", "scram", "iam", "mtls"]
"""How the function signs in to Kafka; `kafka.authentication` has what each means."""

type Properties = Mapping[str, str | int | float]
"""librdkafka's configuration: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md"""

RESERVED_PROPERTIES: Mapping[str, str] = {
    "bootstrap.servers": "set KAFKA_BROKER_URL",
    "metadata.broker.list": "set KAFKA_BROKER_URL",
    "compression.type": "set KAFKA_COMPRESSION",
    "compression.codec": "set KAFKA_COMPRESSION",
    "message.timeout.ms": "set DELIVERY_TIMEOUT_MS",
    "delivery.timeout.ms": "set DELIVERY_TIMEOUT_MS",
    "allow.auto.create.topics": "a topic that is not there is an error: create it",
    "acks": "it is all, so that nothing is lost",
    "request.required.acks": "it is all, so that nothing is lost",
    "enable.idempotence": "it is on, so that nothing is out of order",
    "enable.gapless.guarantee": "the publisher keeps the order",
    "transactional.id": "each event stands alone",
    "partitioner": "it is murmur2_random, as Java's clients have it",
    "linger.ms": "the publisher says when a batch is full",
    "queue.buffering.max.ms": "the publisher says when a batch is full",
    "batch.size": "the publisher says when a batch is full",
    "batch.num.messages": "the publisher says when a batch is full",
    "delivery.report.only.error": "every report is needed",
    "enabled_events": "every report is needed",
    "on_delivery": "every report is needed",
    "max.in.flight": "the publisher waits for the answers to each batch",
    "max.in.flight.requests.per.connection": "the publisher waits for the answers to each batch",
    "queuing.strategy": "the publisher keeps the order",
    "retries": "set DELIVERY_TIMEOUT_MS",
    "message.send.max.retries": "set DELIVERY_TIMEOUT_MS",
    "api.version.request": "an idempotent producer asks the brokers what they support",
    "broker.version.fallback": "an idempotent producer asks the brokers what they support",
    "default.topic.config": "write the topic's properties beside the others",
    "topic.blacklist": "set TOPIC_NAME",
    "logger": "it is code, which a setting cannot hold",
    "log.queue": "nobody reads that queue",
    "plugin.library.paths": "the function is deployed without plug-ins",
    "enable.ssl.certificate.verification": "certificates are always verified",
    "ssl.endpoint.identification.algorithm": "certificates are always verified",
    "security.protocol": "set KAFKA_AUTH",
    "ssl.ca.pem": "set KAFKA_CA_SECRET_ARN",
    "enable.sasl.oauthbearer.unsecure.jwt": "set KAFKA_AUTH",
}
"""What KAFKA_PROPERTIES may not hold, and why or what to set instead."""

RESERVED_FAMILIES: Mapping[str, str] = {
    "sasl.": "set KAFKA_AUTH",
    "ssl.key": "set KAFKA_AUTH, and the secret in KAFKA_SECRET_ARN",
    "ssl.certificate": "set KAFKA_AUTH, and the secret in KAFKA_SECRET_ARN",
}
"""The same of all properties that begin so: a secret has no place in the environment."""

DEFAULT_TOPIC = "FEATURE_AVAILABILITY_EVENTS"
MIN_BATCH_BYTES, MAX_BATCH_BYTES = 20_000, 1_000_000_000
CA_PROPERTY = "ssl.ca.location"
"""Where KAFKA_PROPERTIES may say that the authorities are which the brokers' certificates are checked against."""
MAX_SCHEMA_ID = 2**31 - 1
MAX_DELIVERY_TIMEOUT_MS = 890_000  # a little less than the 15 minutes that Lambda allows


class Settings(NamedTuple):
    """What the environment asks for."""

    brokers: str
    registry: str | None
    topic: str
    schema_id: int | None
    schema_version: SchemaVersion
    auto_register: bool
    features_mode: FeaturesMode
    headers: HeadersMode
    compression: str
    kafka_properties: Properties
    delivery_timeout_ms: int
    dead_letter_bucket: str | None
    dead_letter_prefix: str
    dead_letter_limit: int
    kafka_auth: KafkaAuth
    kafka_secret: str | None
    kafka_ca_secret: str | None
    registry_secret: str | None
    registry_ca_secret: str | None

    @property
    def is_embedded(self) -> bool:
        """Whether librdkafka's own broker stands in for Kafka."""
        return any(name.startswith("test.mock.") for name in self.kafka_properties)


class _Refused(Exception):
    """Why a value cannot be; its text follows the setting's name."""


def read_settings(environ: Mapping[str, str], *, registers: bool = False) -> Settings:
    """Reads the settings; an empty variable counts as absent.

    Args:
        environ: the function's environment.
        registers: whether they are for registering the schema, which needs a registry and no brokers.

    Raises:
        Misconfigured: with one line for each mistake. No value is repeated, since it may be a secret in a wrong place.

    """
    mistakes: list[str] = []

    def read[T](name: str, to_value: Callable[[str], T], default: T) -> T:
        text = environ.get(name, "").strip()
        if not text:
            return default
        try:
            return to_value(text)
        except _Refused as refused:
            mistakes.append(f"{name} {refused}")
            return default

    settings = Settings(
        brokers=read("KAFKA_BROKER_URL", _to_brokers, ""),
        registry=read("SCHEMA_REGISTRY", _to_url, None),
        topic=read("TOPIC_NAME", _to_topic, DEFAULT_TOPIC),
        schema_id=read("SCHEMA_ID", _to_number(1, MAX_SCHEMA_ID), None),
        schema_version=read("SCHEMA_VERSION", _to_version, None),
        auto_register=read("AUTO_REGISTER_SCHEMAS", _one_of("true", "false"), "false") == "true",
        features_mode=cast("FeaturesMode", read("FEATURES_MODE", _one_of("all", "changed"), "all")),
        headers=cast("HeadersMode", read("EVENT_HEADERS", _one_of("cloudevents", "none"), "cloudevents")),
        compression=read("KAFKA_COMPRESSION", _one_of("zstd", "lz4", "snappy", "gzip", "none"), "zstd"),
        kafka_properties=read("KAFKA_PROPERTIES", _to_properties, {}),
        delivery_timeout_ms=read("DELIVERY_TIMEOUT_MS", _to_number(1000, MAX_DELIVERY_TIMEOUT_MS), 20_000),
        dead_letter_bucket=read("DEAD_LETTER_BUCKET", _to_bucket, None),
        dead_letter_prefix=read("DEAD_LETTER_PREFIX", _to_prefix, "dead-letters/"),
        dead_letter_limit=read("DEAD_LETTER_LIMIT", _to_number(1, 1_000_000), 100),
        kafka_auth=cast("KafkaAuth", read("KAFKA_AUTH", _one_of("none", "tls", "scram", "iam", "mtls"), "none")),
        kafka_secret=read("KAFKA_SECRET_ARN", _to_secret, None),
        kafka_ca_secret=read("KAFKA_CA_SECRET_ARN", _to_secret, None),
        registry_secret=read("SCHEMA_REGISTRY_SECRET_ARN", _to_secret, None),
        registry_ca_secret=read("SCHEMA_REGISTRY_CA_SECRET_ARN", _to_secret, None),
    )
    mistakes += _find_contradictions(environ, registers=registers)
    mistakes += _find_sign_in_contradictions(environ, settings)
    if mistakes:
        raise Misconfigured("\n- ".join([f"{len(mistakes)} of the function's settings cannot be:", *mistakes]))
    return settings


def _find_contradictions(environ: Mapping[str, str], *, registers: bool) -> list[str]:
    """Mistakes that lie in no single setting."""
    given = {name for name, text in environ.items() if text.strip()}
    found = []
    if "KAFKA_BROKER_URL" not in given and not registers:
        found.append("KAFKA_BROKER_URL is missing: the bootstrap brokers, as host:port,host:port")
    if registers and "SCHEMA_REGISTRY" not in given:
        found.append("SCHEMA_REGISTRY is missing: the URL of the registry to register the schema with")
    elif not given & {"SCHEMA_ID", "SCHEMA_REGISTRY"}:
        found.append("SCHEMA_REGISTRY is missing: the registry's URL, or pin the schema by SCHEMA_ID")
    if {"SCHEMA_ID", "SCHEMA_VERSION"} <= given:
        found.append("SCHEMA_ID and SCHEMA_VERSION contradict each other: set one of them")
    if environ.get("AUTO_REGISTER_SCHEMAS", "").strip() == "true" and given & {"SCHEMA_ID", "SCHEMA_VERSION"}:
        found.append(
            "AUTO_REGISTER_SCHEMAS registers the shipped schema: set neither SCHEMA_ID nor SCHEMA_VERSION with it"
        )
    return found


def _find_sign_in_contradictions(environ: Mapping[str, str], settings: Settings) -> list[str]:
    """Mistakes between the ways to sign in, what they need, and where they are allowed."""
    given = {name for name, text in environ.items() if text.strip()}
    auth, registry = environ.get("KAFKA_AUTH", "").strip() or "none", environ.get("SCHEMA_REGISTRY", "").strip()
    found = []
    if auth in ("scram", "mtls") and "KAFKA_SECRET_ARN" not in given:
        found.append(f"KAFKA_SECRET_ARN is missing: KAFKA_AUTH={auth} signs in with what that secret holds")
    if auth in ("none", "tls", "iam") and "KAFKA_SECRET_ARN" in given:
        found.append(f"KAFKA_SECRET_ARN is not for KAFKA_AUTH={auth}: set that to scram or mtls, or leave it out")
    if auth == "none" and "KAFKA_CA_SECRET_ARN" in given:
        found.append("KAFKA_CA_SECRET_ARN is not for KAFKA_AUTH=none, which has no TLS: set that to tls or another")
    if auth == "iam" and not environ.get("AWS_REGION", "").strip():
        found.append("AWS_REGION is missing: KAFKA_AUTH=iam signs tokens for it, and Lambda always has it")
    if "KAFKA_CA_SECRET_ARN" in given and CA_PROPERTY in settings.kafka_properties:
        found.append(f"KAFKA_CA_SECRET_ARN and {CA_PROPERTY} in KAFKA_PROPERTIES contradict each other: set one")
    for name in ("SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN"):
        if name in given and not registry:
            found.append(f"{name} is not used without SCHEMA_REGISTRY: set that, or leave it out")
        elif name in given and registry.startswith("http:"):
            # Basic authentication over http would show the password to everyone on the way
            found.append(f"{name} needs an https URL in SCHEMA_REGISTRY")
    return found


def _to_brokers(text: str) -> str:
    for broker in text.split(","):
        host, _, port = broker.strip().rpartition(":")
        if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host) or not _is_port(port):
            raise _Refused("is not host:port, with commas between several")
    return ",".join(broker.strip() for broker in text.split(","))


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and 0 < int(text) < 2**16


def _to_url(text: str) -> str:
    try:
        url = urlsplit(text)
        port = url.port  # raises where it is none
    except ValueError:
        raise _Refused("is not a URL") from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or re.search(r"\s", text):
        raise _Refused("is not an http or https URL")
    if url.username is not None or url.password is not None:
        raise _Refused("holds a user name or password, which an environment variable must not")
    if url.query or url.fragment:
        raise _Refused("has a query or fragment: give the registry's base URL")
    return text.rstrip("/")


def _to_topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in (".", ".."):
        raise _Refused("is not a topic's name: up to 249 letters, digits, dots, underscores and hyphens")
    return text


def _to_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise _Refused(f"is not a whole number from {least} to {most}")
        return int(text)

    return read


def _to_version(text: str) -> SchemaVersion:
    if text == "latest":
        return "latest"
    try:
        return _to_number(1, MAX_SCHEMA_ID)(text)
    except _Refused:
        raise _Refused("is neither latest nor a version number") from None


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise _Refused(f"is none of {', '.join(choices)}")
        return text

    return read


def _to_properties(text: str) -> Properties:
    try:
        properties = json.loads(text, object_pairs_hook=_to_object)
    except ValueError:
        raise _Refused("is not JSON") from None
    if type(properties) is not dict:
        raise _Refused('is not a JSON object of librdkafka properties, such as {"client.id": "features"}')
    mistakes = [mistake for name, value in properties.items() if (mistake := _find_mistake(name, value))]
    if mistakes:
        raise _Refused(f"may not hold {', nor '.join(mistakes)}")
    return {name: str(value).lower() if type(value) is bool else value for name, value in properties.items()}


def _to_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; of a name that is there twice, JSON itself would silently take the last value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = sorted({name for name, _ in pairs if [other for other, _ in pairs].count(name) > 1})
        raise _Refused(f"holds more than once: {', '.join(names)}")
    return found


def _find_mistake(name: str, value: object) -> str | None:
    """What is wrong with one of the librdkafka properties."""
    for family, remedy in RESERVED_FAMILIES.items():
        if name.startswith(family):
            return f"{name} ({remedy})"
    if name.endswith("_cb"):
        return f"{name} (it is code, which a setting cannot hold)"
    if name in RESERVED_PROPERTIES:
        return f"{name} ({RESERVED_PROPERTIES[name]})"
    if type(value) not in (str, int, float, bool):
        return f"{name} with anything but text, a number, true or false"
    if name == "message.max.bytes" and (type(value) is not int or not MIN_BATCH_BYTES <= value <= MAX_BATCH_BYTES):
        # The publisher reckons with it
        return f"{name} with anything but a whole number from {MIN_BATCH_BYTES} to {MAX_BATCH_BYTES}"
    return None


def _to_secret(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+", text):
        raise _Refused("is not an ARN of AWS Secrets Manager")
    return text


def _to_bucket(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise _Refused("is not the name of an S3 bucket")
    return text


def _to_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!_.*'()/-]{1,500}", text) or text.startswith("/"):
        raise _Refused("is not a prefix for S3 keys, such as dead-letters/")
    return text.rstrip("/") + "/"
