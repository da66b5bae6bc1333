"""Parse KAFKA_PROPERTIES, and refuse librdkafka properties that would break order, durability or security.

https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

import math
from collections.abc import Mapping

from feature_events.syntax import InvalidJson, InvalidValue, is_plain_text, parse_json

type Properties = Mapping[str, str | int | float]
"""librdkafka's properties by name."""

CA_PROPERTY = "ssl.ca.location"
"""The property of the file with the CA certificates that the brokers' certificates are checked against."""

MIN_BATCH_BYTES, MAX_BATCH_BYTES = 20_000, 1_000_000_000

_TIMEOUT = (
    "messages are retried until DELIVERY_TIMEOUT_MS, which you can change only if you deploy the function without "
    "template.yaml"
)
_BROKERS = "set KafkaBrokerUrl (KAFKA_BROKER_URL)"
_COMPRESSION = "set KafkaCompression (KAFKA_COMPRESSION)"
_AUTH = "set KafkaAuth (KAFKA_AUTH)"
_SECRET = f"{_AUTH} and KafkaSecretArn (KAFKA_SECRET_ARN)"
_BATCHING = "the publisher decides when a batch is complete"
_ORDER = "the publisher keeps the order"
_IN_FLIGHT = "the publisher waits for each batch to be acknowledged"
_REPORTS = "the publisher needs every delivery report"
_VERSIONS = "an idempotent producer must detect the brokers' versions"
_VERIFICATION = "certificates are always verified"
_CODE = "its value is code"

RESERVED_PROPERTIES: Mapping[str, str] = {
    "bootstrap.servers": _BROKERS,
    "metadata.broker.list": _BROKERS,
    "compression.type": _COMPRESSION,
    "compression.codec": _COMPRESSION,
    "message.timeout.ms": _TIMEOUT,
    "delivery.timeout.ms": _TIMEOUT,
    "allow.auto.create.topics": "create the topic before deploying",
    "acks": "always all, so that no event is lost",
    "request.required.acks": "always all, so that no event is lost",
    "enable.idempotence": "always true, which keeps the order",
    "enable.gapless.guarantee": _ORDER,
    "transactional.id": "the publisher does not use transactions",
    "partitioner": "always murmur2_random, like Java clients",
    "linger.ms": _BATCHING,
    "queue.buffering.max.ms": _BATCHING,
    "batch.size": _BATCHING,
    "batch.num.messages": _BATCHING,
    "delivery.report.only.error": _REPORTS,
    "enabled_events": _REPORTS,
    "on_delivery": _REPORTS,
    "max.in.flight": _IN_FLIGHT,
    "max.in.flight.requests.per.connection": _IN_FLIGHT,
    "queuing.strategy": _ORDER,
    "retries": _TIMEOUT,
    "message.send.max.retries": _TIMEOUT,
    "api.version.request": _VERSIONS,
    "broker.version.fallback": _VERSIONS,
    "default.topic.config": "put the topic's properties next to the others",
    "topic.blacklist": "set TopicName (TOPIC_NAME)",
    "logger": _CODE,
    "log.queue": "nothing reads that queue",
    "plugin.library.paths": "the function is deployed without plug-ins",
    "enable.ssl.certificate.verification": _VERIFICATION,
    "ssl.endpoint.identification.algorithm": _VERIFICATION,
    "security.protocol": _AUTH,
    "ssl.ca.pem": "set KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
    "enable.sasl.oauthbearer.unsecure.jwt": _AUTH,
}
"""The properties that are refused, and the reason or what to set instead."""

RESERVED_PREFIXES: Mapping[str, str] = {"sasl.": _AUTH, "ssl.key": _SECRET, "ssl.certificate": _SECRET}
"""The prefixes of further refused properties. The environment is not the place for secrets."""


def parse_kafka_properties(text: str) -> Properties:
    """Parse a JSON object of librdkafka properties.

    Raises:
        InvalidValue: with every refused property.

    """
    try:
        properties = parse_json(text, unique_names=True)
    except InvalidJson as invalid:
        raise InvalidValue(f"must be a JSON object: {invalid}") from None
    if type(properties) is not dict:
        raise InvalidValue('must be a JSON object of librdkafka properties, such as {"client.id": "features"}')
    mistakes = [mistake for name, value in properties.items() if (mistake := _find_mistake(name, value))]
    if mistakes:
        raise InvalidValue(f"must not contain {', nor '.join(mistakes)}")
    return {name: str(value).lower() if type(value) is bool else value for name, value in properties.items()}


def _find_mistake(name: str, value: object) -> str | None:  # noqa: PLR0911  # one for each mistake
    """Return what is wrong with a property, or None."""
    for prefix, remedy in RESERVED_PREFIXES.items():
        if name.startswith(prefix):
            return f"{name} ({remedy})"
    if name.endswith("_cb"):
        return f"{name} ({_CODE})"
    if name in RESERVED_PROPERTIES:
        return f"{name} ({RESERVED_PROPERTIES[name]})"
    if not _is_value(value):
        return f"{name} with a value other than text, a number, true or false"
    if not all(is_plain_text(text) for text in (name, str(value))):
        # librdkafka would cut the text at a NUL
        return f"{name} with a NUL character or a lone surrogate"
    if name == "message.max.bytes" and (type(value) is not int or not MIN_BATCH_BYTES <= value <= MAX_BATCH_BYTES):
        # The publisher calculates with it
        return f"{name} with a value other than a whole number from {MIN_BATCH_BYTES} to {MAX_BATCH_BYTES}"
    return None


def _is_value(value: object) -> bool:
    return type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
