"""KAFKA_PROPERTIES are parsed, and properties that this project or librdkafka refuses are reported by name."""

import json
from pathlib import Path

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.producer import to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.settings.kafka_properties import RESERVED_PREFIXES, RESERVED_PROPERTIES
from feature_events.settings.settings import read_settings
from tests.support.mock_kafka import read_producer_aliases

LEAST = {"KAFKA_BROKER_URL": "b-1.msk:9092", "SCHEMA_ID": "7"}


def start(text: str) -> None:
    """Read properties and make a real producer with them, without time to connect."""
    environ = {"KAFKA_BROKER_URL": "127.0.0.1:1", "SCHEMA_ID": "7", "KAFKA_PROPERTIES": text}
    settings = read_settings(environ)
    Publisher(settings.topic, to_producer_properties(settings)).open(Deadline(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("default.topic.config", "hidden"),
        ("default.topic.config", 7),
        ("error_cb", "hidden"),
        ("stats_cb", "hidden"),
        ("throttle_cb", "hidden"),
        ("oauth_cb", "hidden"),
        ("dr_msg_cb", "hidden"),
        ("on_delivery", "hidden"),
        ("logger", "hidden"),
        ("enabled_events", 255),
        ("log.queue", True),
        ("plugin.library.paths", "hidden"),
        ("opaque", "hidden"),
        ("interceptors", "hidden"),
        ("max.in.flight", 6),
        ("max.in.flight.requests.per.connection", 6),
        ("retries", 0),
        ("message.send.max.retries", 0),
        ("queuing.strategy", "lifo"),
        ("api.version.request", False),
        ("broker.version.fallback", "0.9.0"),
        ("topic.blacklist", ".*"),
        ("reconnect.backoff.ms", 5000),
        ("reconnect.backoff.max.ms", 10),
        ("request.timeout.ms", 900_001),
        ("socket.timeout.ms", "hidden"),
        ("compression.level", 99),
        ("client.dns.lookup", "hidden"),
        ("no.such.property", "hidden"),
    ],
)
def test_start__names_a_refused_property_but_not_its_value(name: str, value: object) -> None:
    """Some properties are refused by the settings, others by the real producer."""
    with pytest.raises(Misconfigured, match=rf"KAFKA_PROPERTIES.*\b{name}\b") as raised:
        start(json.dumps({name: value}))
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("value", ['"a"', '"b"'])
def test_start__refuses_the_same_property_twice(value: str) -> None:
    """A JSON parser would silently use the last value."""
    with pytest.raises(Misconfigured, match=r"client\.id is written twice"):
        start(f'{{"client.id": "a", "client.rack": "r", "client.id": {value}}}')


def test_start__refuses_both_names_of_a_property(tmp_path: Path) -> None:
    """All producer properties for which librdkafka has two names are refused."""
    aliases = read_producer_aliases(tmp_path / "properties")
    assert aliases["linger.ms"] == "queue.buffering.max.ms"  # the aliases were read
    names = {*aliases, *aliases.values()}
    assert {name for name in names if not name.startswith(tuple(RESERVED_PREFIXES))} <= set(RESERVED_PROPERTIES)


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"client.id": "x", "client.rack": "use1-az1", "socket.nagle.disable": True},
        {"reconnect.backoff.ms": 2000, "reconnect.backoff.max.ms": 3000, "retry.backoff.ms": 500},
        {"statistics.interval.ms": 1000, "compression.level": 3, "metadata.max.age.ms": 60_000},
    ],
)
def test_start__accepts_valid_properties(properties: dict[str, object]) -> None:
    """The producer is made, and fails only because there is no broker."""
    with pytest.raises(Undelivered):
        start(json.dumps(properties))


WITH_RESERVED_PREFIXES = [
    "sasl.mechanisms",
    "sasl.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "ssl.certificate.location",
]


@pytest.mark.parametrize("name", [*RESERVED_PROPERTIES, *WITH_RESERVED_PREFIXES])
def test_read_settings__refuses_reserved_properties(name: str) -> None:
    """A property that would break order, durability or security is refused, with the reason or the remedy."""
    with pytest.raises(Misconfigured, match=rf"\(KAFKA_PROPERTIES\) must not contain {name} \("):
        read_settings({**LEAST, "KAFKA_PROPERTIES": f'{{"{name}": "1"}}'})


@pytest.mark.parametrize("name", ["ssl.ca.location", "client.rack"])
def test_read_settings__accepts_other_properties(name: str) -> None:
    """The path to CA certificates is allowed, because it is not a secret."""
    environ = {**LEAST, "KAFKA_AUTH": "tls", "KAFKA_PROPERTIES": f'{{"{name}": "/opt/ca.pem"}}'}
    assert read_settings(environ).kafka_properties == {name: "/opt/ca.pem"}
