"""Settings are read from the environment, and all mistakes are reported together."""

import re
from uuid import UUID

import pytest

from feature_events.errors import Misconfigured
from feature_events.layouts.parser import parse_table_layouts
from feature_events.settings.settings import _PARAMETERS, Settings, read_settings, to_label
from local.paths import ROOT

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
GLUE_REGISTRY = "arn:aws:glue:eu-west-1:123456789012:registry/events.v1"
VERSION = UUID("0a1b2c3d-0000-4000-8000-00000000ffff")
LEAST = {"KAFKA_BROKER_URL": "b-1.msk:9092", "SCHEMA_ID": "7"}
UNSENT_URLS = (
    "https://[::1]x", "https://[::1]x:8081", "https://x[::1]", "https://[::1][::1]", "https://registry:", "https://[::1]:",
    "https://registry?", "https://registry/path?", "https://registry#", "https://registry/#", "https://registry/#a",
    "https://registry?#", "https://registry/?x=1#",
)  # fmt: skip
"""URLs from which `urlsplit` silently drops the invalid part."""
GIVEN = {
    "GLUE_COMPATIBILITY": "BACKWARD",
    "KAFKA_BROKER_URL": "b-1.msk:9092, 10.0.0.1:9094,[::1]:9092",
    "SCHEMA_REGISTRY": "https://registry.example:8081/apis/ccompat/v7/",
    "TOPIC_NAME": "features.v1",
    "SCHEMA_VERSION": "3",
    "AUTO_REGISTER_SCHEMAS": "false",
    "OWN_TABLES": "users.v1, merchants_v1",
    "FEATURES_MODE": "changed",
    "REMOVALS": "events",
    "KAFKA_COMPRESSION": "lz4",
    "KAFKA_PROPERTIES": '{"client.rack": "use1-az1", "socket.nagle.disable": true, "reconnect.backoff.ms": 10}',
    "DELIVERY_TIMEOUT_MS": "5000",
    "FAILURE_BUCKET": "failures-123",
    "DEAD_LETTER_PREFIX": "letters",
    "DEAD_LETTER_LIMIT": "7",
    "KAFKA_AUTH": "scram",
    "KAFKA_SECRET_ARN": f"{ARN}kafka",
    "KAFKA_CA_SECRET_ARN": f"{ARN}kafka-ca",
    "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}registry",
    "SCHEMA_REGISTRY_CA_SECRET_ARN": f"{ARN}registry-ca",
}


def test_read_settings__needs_only_brokers_and_a_schema_id() -> None:
    """Everything else has a default."""
    expected = Settings(
        brokers="b-1.msk:9092",
        registry=None,
        topic="FEATURE_AVAILABILITY_EVENTS",
        schema_id=7,
        schema_version=None,
        schema_file="feature_trigger.avsc",
        auto_register=False,
        table_layouts=parse_table_layouts("default"),
        own_tables=(),
        features_mode="all",
        removals="none",
        compression="zstd",
        kafka_properties={},
        delivery_timeout_ms=20_000,
        failure_bucket=None,
        dead_letter_prefix="dead-letters/",
        dead_letter_limit=100,
        kafka_auth="none",
        kafka_secret=None,
        kafka_ca_secret=None,
        registry_secret=None,
        registry_ca_secret=None,
        glue_compatibility="FULL_ALL",
    )
    assert read_settings(LEAST) == expected


def test_read_settings__reads_every_setting() -> None:
    """Every setting is converted to its type."""
    expected = Settings(
        brokers="b-1.msk:9092,10.0.0.1:9094,[::1]:9092",
        registry="https://registry.example:8081/apis/ccompat/v7",
        topic="features.v1",
        schema_id=None,
        schema_version=3,
        schema_file="feature_trigger.avsc",
        auto_register=False,
        table_layouts=parse_table_layouts("default"),
        own_tables=("users.v1", "merchants_v1"),
        features_mode="changed",
        removals="events",
        compression="lz4",
        kafka_properties={"client.rack": "use1-az1", "socket.nagle.disable": "true", "reconnect.backoff.ms": 10},
        delivery_timeout_ms=5000,
        failure_bucket="failures-123",
        dead_letter_prefix="letters/",
        dead_letter_limit=7,
        kafka_auth="scram",
        kafka_secret=f"{ARN}kafka",
        kafka_ca_secret=f"{ARN}kafka-ca",
        registry_secret=f"{ARN}registry",
        registry_ca_secret=f"{ARN}registry-ca",
        glue_compatibility="BACKWARD",
    )
    assert read_settings(GIVEN) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("KAFKA_BROKER_URL", "b-1.msk"),
        ("KAFKA_BROKER_URL", "b-1.msk:99999"),
        ("KAFKA_BROKER_URL", "b-1.msk:9092,"),
        ("KAFKA_BROKER_URL", "SSL://b-1.msk:9092"),
        ("KAFKA_BROKER_URL", "a b:9092"),
        ("SCHEMA_REGISTRY", "registry:8081"),
        ("SCHEMA_REGISTRY", "ftp://registry"),
        ("SCHEMA_REGISTRY", "http://"),
        ("SCHEMA_REGISTRY", "http://registry:port"),
        ("SCHEMA_REGISTRY", "http://[registry"),
        ("SCHEMA_REGISTRY", "http://user:secret@registry"),
        ("SCHEMA_REGISTRY", "http://registry?x=1"),
        *[("SCHEMA_REGISTRY", url) for url in UNSENT_URLS],
        ("SCHEMA_REGISTRY", "http://regis try"),
        ("SCHEMA_REGISTRY", "http://registry..internal:8081"),
        ("SCHEMA_REGISTRY", f"http://{'r' * 64}.internal"),
        ("SCHEMA_REGISTRY", f"http://{'registry.' * 28}internal"),
        ("SCHEMA_REGISTRY", "http://.internal"),
        ("SCHEMA_REGISTRY", "http://registr\u00fd.internal"),
        ("SCHEMA_REGISTRY", "http://registry\\internal"),
        ("SCHEMA_REGISTRY", "http://[::1%25lo]:8081"),
        ("SCHEMA_REGISTRY", "http://[v1.a]:8081"),
        ("SCHEMA_REGISTRY", "\x01http://registry"),
        ("SCHEMA_REGISTRY", "http://registry/\x00"),
        ("SCHEMA_REGISTRY", "http://registry:" + "9" * 5000),
        ("KAFKA_BROKER_URL", "b..internal:9092"),
        ("KAFKA_BROKER_URL", f"{'b' * 64}.internal:9092"),
        ("KAFKA_BROKER_URL", "[::::]:9092"),
        ("KAFKA_PROPERTIES", "[" * 60_000),
        ("KAFKA_PROPERTIES", f'{{"client.id": {"9" * 5000}}}'),
        ("KAFKA_PROPERTIES", '{"client.id": NaN}'),
        ("KAFKA_PROPERTIES", '{"client.id": -Infinity}'),
        ("KAFKA_PROPERTIES", '{"client.id": 1e999}'),
        ("KAFKA_PROPERTIES", '{"client.id": "a\\u0000b"}'),
        ("KAFKA_PROPERTIES", '{"client.id": "\\ud800"}'),
        ("KAFKA_PROPERTIES", '{"\\ud800": "a"}'),
        ("KAFKA_PROPERTIES", '{"acks\\u0000x": "0"}'),
        ("TABLE_LAYOUTS", "[" * 60_000),
        ("TABLE_LAYOUTS", f"[{'9' * 5000}]"),
        ("TABLE_LAYOUTS", "[NaN]"),
        ("TABLE_LAYOUTS", '[{"\\ud800": 1}]'),
        ("SCHEMA_REGISTRY", "Glue"),
        ("SCHEMA_REGISTRY", "arn:aws:glue:eu-west-1:123456789012:schema/events/topic"),
        ("GLUE_COMPATIBILITY", "FULL_TRANSITIVE"),
        ("TOPIC_NAME", "a topic"),
        ("TOPIC_NAME", ".."),
        ("TOPIC_NAME", "t" * 250),
        ("SCHEMA_ID", "0"),
        ("SCHEMA_ID", "-1"),
        ("SCHEMA_ID", "1.5"),
        ("SCHEMA_ID", "٣"),
        ("SCHEMA_ID", "2147483648"),
        ("SCHEMA_ID", "0123456789abcdef0123456789abcdef"),
        ("SCHEMA_VERSION", "newest"),
        ("SCHEMA_VERSION", "0"),
        ("SCHEMA_FILE", "feature_trigger_v3.avsc"),
        ("SCHEMA_FILE", "../feature_trigger.avsc"),
        ("AUTO_REGISTER_SCHEMAS", "yes"),
        ("OWN_TABLES", "us"),
        ("OWN_TABLES", "t" * 256),
        ("OWN_TABLES", "arn:aws:dynamodb:eu-west-1:123456789012:table/users.v1"),
        ("OWN_TABLES", "users,"),
        ("OWN_TABLES", "users;merchants"),
        ("FEATURES_MODE", "some"),
        ("KAFKA_COMPRESSION", "zip"),
        ("KAFKA_PROPERTIES", "acks=all"),
        ("KAFKA_PROPERTIES", "[]"),
        ("KAFKA_PROPERTIES", '{"client.rack": null}'),
        ("KAFKA_PROPERTIES", '{"message.max.bytes": "1000000"}'),
        ("KAFKA_PROPERTIES", '{"message.max.bytes": 5}'),
        ("DELIVERY_TIMEOUT_MS", "10"),
        ("DELIVERY_TIMEOUT_MS", "20s"),
        ("FAILURE_BUCKET", "s3://failures"),
        ("KAFKA_AUTH", "sasl_plain"),
        ("KAFKA_SECRET_ARN", "AmazonMSK_secret"),
        ("KAFKA_SECRET_ARN", '{"username": "u", "password": "secret"}'),
        ("KAFKA_CA_SECRET_ARN", "arn:aws:kms:eu-west-1:123456789012:key/1"),
        ("SCHEMA_REGISTRY_SECRET_ARN", "user:secret"),
        ("SCHEMA_REGISTRY_CA_SECRET_ARN", "/etc/ssl/ca.pem"),
        ("DEAD_LETTER_PREFIX", "/letters"),
        ("DEAD_LETTER_PREFIX", "a b"),
        ("DEAD_LETTER_LIMIT", "0"),
    ],
)
def test_read_settings__names_an_invalid_setting_but_not_its_value(name: str, text: str) -> None:
    """The message does not quote the value, because it may be a secret."""
    with pytest.raises(Misconfigured, match=rf"(?m)^- {re.escape(to_label(name))} ") as raised:
        read_settings({**LEAST, name: text})
    assert "secret" not in str(raised.value)
    assert str(raised.value).encode()  # Lambda's runtime cannot report a lone surrogate


def test_read_settings__reports_all_mistakes_together() -> None:
    """A deployer can correct all of them in one step."""
    environ = {
        "KAFKA_BROKER_URL": "nowhere",
        "TOPIC_NAME": "a topic",
        "FEATURES_MODE": "some",
        "KAFKA_PROPERTIES": '{"acks": 1, "linger.ms": 5}',
    }
    with pytest.raises(Misconfigured) as raised:
        read_settings(environ)
    lines = str(raised.value).splitlines()
    assert lines[0] == "the function's settings are invalid:"
    names = ["KafkaBrokerUrl", "TopicName", "FeaturesMode", "KafkaProperties", "SchemaRegistry"]
    assert [line.split()[1] for line in lines[1:]] == names
    assert "acks" in lines[4]
    assert "linger.ms" in lines[4]


def test_read_settings__needs_no_brokers_to_register_a_schema() -> None:
    """Registration needs only a registry."""
    assert read_settings({"SCHEMA_REGISTRY": "http://registry"}, registers=True).registry == "http://registry"
    with pytest.raises(Misconfigured, match=r"\(SCHEMA_REGISTRY\) is missing: set the URL"):
        read_settings({"SCHEMA_ID": "7"}, registers=True)


@pytest.mark.parametrize("registry", ["glue", GLUE_REGISTRY, GLUE_REGISTRY.replace("aws", "aws-cn", 1)])
def test_read_settings__accepts_glue_as_the_registry(registry: str) -> None:
    """`glue` is Glue's default registry. Others are named by their ARN, and schema ids are UUIDs."""
    environ = {"KAFKA_BROKER_URL": "b:1", "SCHEMA_REGISTRY": registry, "SCHEMA_ID": str(VERSION).upper()}
    settings = read_settings(environ)
    assert (settings.registry, settings.is_glue, settings.schema_id) == (registry, True, VERSION)
    assert settings.glue_compatibility == "FULL_ALL"
    assert not read_settings({**environ, "SCHEMA_REGISTRY": "", "GLUE_COMPATIBILITY": "NONE"}).is_glue


def test_read_settings__accepts_each_shipped_schema() -> None:
    """SCHEMA_FILE is the name of a file."""
    assert read_settings({**LEAST, "SCHEMA_FILE": "feature_trigger_v2.avsc"}).schema_file == "feature_trigger_v2.avsc"


@pytest.mark.parametrize(
    ("environ", "bucket"),
    [
        ({"DEAD_LETTER_BUCKET": "former"}, "former"),
        ({"DEAD_LETTER_BUCKET": "former", "FAILURE_BUCKET": " "}, "former"),
        ({"DEAD_LETTER_BUCKET": "former", "FAILURE_BUCKET": "failures"}, "failures"),
    ],
)
def test_read_settings__accepts_the_former_name_of_the_bucket(
    environ: dict[str, str], bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """DEAD_LETTER_BUCKET is deprecated: it logs a warning, and FAILURE_BUCKET takes precedence."""
    assert read_settings({**LEAST, **environ}).failure_bucket == bucket
    [logged] = caplog.records
    assert (logged.levelname, logged.msg) == (
        "WARNING",
        "DEAD_LETTER_BUCKET is deprecated: set FAILURE_BUCKET instead",
    )


def test_to_label__names_parameters_of_the_template() -> None:
    """A deployer sets parameters, so a message names them before the variables."""
    template = (ROOT / "template.yaml").read_text()
    for variable, parameter in _PARAMETERS.items():
        assert re.search(rf"(?m)^  {parameter.partition('=')[0]}:$", template)
        assert f"{variable}: " in template
