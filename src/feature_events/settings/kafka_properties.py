"""Says which of librdkafka's properties KAFKA_PROPERTIES must not hold, and reads the others.

A property that would break order, loss or trust is refused at the start, with what to do instead.
https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
"""

import math
from collections.abc import Mapping

from feature_events.json_text import InvalidJson, parse_json
from feature_events.settings.values import InvalidValue, is_plain_text

_NO_TIMEOUT = "messages are retried until DELIVERY_TIMEOUT_MS, which only a function made by hand can change"

type Properties = Mapping[str, str | int | float]
"""librdkafka's properties by name."""

RESERVED_PROPERTIES: Mapping[str, str] = {
    "bootstrap.servers": "set KAFKA_BROKER_URL",
    "metadata.broker.list": "set KAFKA_BROKER_URL",
    "compression.type": "set KAFKA_COMPRESSION",
    "compression.codec": "set KAFKA_COMPRESSION",
    "message.timeout.ms": _NO_TIMEOUT,
    "delivery.timeout.ms": _NO_TIMEOUT,
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
    "retries": _NO_TIMEOUT,
    "message.send.max.retries": _NO_TIMEOUT,
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
    "ssl.ca.pem": "set KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
    "enable.sasl.oauthbearer.unsecure.jwt": "set KAFKA_AUTH",
}
"""What KAFKA_PROPERTIES must not hold, and why or what to set instead."""

RESERVED_FAMILIES: Mapping[str, str] = {
    "sasl.": "set KAFKA_AUTH",
    "ssl.key": "set KAFKA_AUTH, and the secret in KafkaSecretArn (KAFKA_SECRET_ARN)",
    "ssl.certificate": "set KAFKA_AUTH, and the secret in KafkaSecretArn (KAFKA_SECRET_ARN)",
}
"""The same of all properties that begin so: a secret has no place in the environment."""

MIN_BATCH_BYTES, MAX_BATCH_BYTES = 20_000, 1_000_000_000
CA_PROPERTY = "ssl.ca.location"
"""Where KAFKA_PROPERTIES can name the CA certificates that the brokers' are checked against."""


def to_kafka_properties(text: str) -> Properties:
    """The properties in this JSON object.

    Raises:
        InvalidValue: with every property that is refused.

    """
    try:
        properties = parse_json(text, unique_names=True)
    except InvalidJson as invalid:
        raise InvalidValue(f"must be a JSON object: {invalid}") from None
    if type(properties) is not dict:
        raise InvalidValue('must be a JSON object of librdkafka properties, such as {"client.id": "features"}')
    mistakes = [mistake for name, value in properties.items() if (mistake := _find_mistake(name, value))]
    if mistakes:
        raise InvalidValue(f"must not hold {', nor '.join(mistakes)}")
    return {name: str(value).lower() if type(value) is bool else value for name, value in properties.items()}


def _find_mistake(name: str, value: object) -> str | None:  # noqa: PLR0911  # one for each mistake
    """What is wrong with one of the librdkafka properties."""
    for family, remedy in RESERVED_FAMILIES.items():
        if name.startswith(family):
            return f"{name} ({remedy})"
    if name.endswith("_cb"):
        return f"{name} (it is code, which a setting cannot hold)"
    if name in RESERVED_PROPERTIES:
        return f"{name} ({RESERVED_PROPERTIES[name]})"
    if not _is_value(value):
        return f"{name} with anything but text, a number, true or false"
    if not all(is_plain_text(text) for text in (name, str(value))):
        # librdkafka would cut the text at a NUL
        return f"{name} with a NUL character or half of a surrogate pair"
    if name == "message.max.bytes" and (type(value) is not int or not MIN_BATCH_BYTES <= value <= MAX_BATCH_BYTES):
        # The publisher calculates with it
        return f"{name} with anything but a whole number from {MIN_BATCH_BYTES} to {MAX_BATCH_BYTES}"
    return None


def _is_value(value: object) -> bool:
    return type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))
