"""The environment is read once, and every mistake in it is named at once."""

from uuid import UUID

import pytest

from feature_events.errors import Misconfigured
from feature_events.layouts.reading import to_table_layouts
from feature_events.settings.settings import Settings, read_settings

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
GLUE_REGISTRY = "arn:aws:glue:eu-west-1:123456789012:registry/events.v1"
VERSION = UUID("0a1b2c3d-0000-4000-8000-00000000ffff")
LEAST = {"KAFKA_BROKER_URL": "b-1.msk:9092", "SCHEMA_ID": "7"}
UNSENT_URLS = (
    "https://[::1]x", "https://[::1]x:8081", "https://x[::1]", "https://[::1][::1]", "https://registry:", "https://[::1]:",
    "https://registry?", "https://registry/path?", "https://registry#", "https://registry/#", "https://registry/#a",
    "https://registry?#", "https://registry/?x=1#",
)  # fmt: skip
"""What `urlsplit` accepts without the part that is wrong."""
GIVEN = {
    "GLUE_COMPATIBILITY": "BACKWARD",
    "KAFKA_BROKER_URL": "b-1.msk:9092, 10.0.0.1:9094,[::1]:9092",
    "SCHEMA_REGISTRY": "https://registry.example:8081/apis/ccompat/v7/",
    "TOPIC_NAME": "features.v1",
    "SCHEMA_VERSION": "3",
    "AUTO_REGISTER_SCHEMAS": "false",
    "OWN_TABLES": "users.v1, merchants_v1",
    "FEATURES_MODE": "changed",
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


def test_read_settings__has_defaults_for_all_but_the_addresses() -> None:
    """Brokers and a way to a schema id are all that must be given."""
    expected = Settings(
        brokers="b-1.msk:9092",
        registry=None,
        topic="FEATURE_AVAILABILITY_EVENTS",
        schema_id=7,
        schema_version=None,
        schema_file="feature_trigger.avsc",
        auto_register=False,
        table_layouts=to_table_layouts("default"),
        own_tables=(),
        features_mode="all",
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


def test_read_settings__takes_what_is_given() -> None:
    """Every setting arrives in its own type."""
    expected = Settings(
        brokers="b-1.msk:9092,10.0.0.1:9094,[::1]:9092",
        registry="https://registry.example:8081/apis/ccompat/v7",
        topic="features.v1",
        schema_id=None,
        schema_version=3,
        schema_file="feature_trigger.avsc",
        auto_register=False,
        table_layouts=to_table_layouts("default"),
        own_tables=("users.v1", "merchants_v1"),
        features_mode="changed",
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
def test_read_settings__names_the_setting_and_never_its_value(name: str, text: str) -> None:
    """A wrong value is a misconfiguration by the setting's name; the value, which may be a secret, is not repeated."""
    with pytest.raises(Misconfigured, match=rf"(?m)^- {name} ") as raised:
        read_settings({**LEAST, name: text})
    assert "secret" not in str(raised.value)
    assert str(raised.value).encode()  # Lambda's runtime cannot report a lone surrogate


@pytest.mark.parametrize(
    ("environ", "mistake"),
    [
        ({}, "KAFKA_BROKER_URL is missing"),
        ({}, "SCHEMA_REGISTRY is missing"),
        ({"KAFKA_BROKER_URL": " ", "SCHEMA_ID": "1"}, "KAFKA_BROKER_URL is missing"),
        ({**LEAST, "SCHEMA_VERSION": "latest"}, "SCHEMA_ID and SCHEMA_VERSION"),
        ({**LEAST, "AUTO_REGISTER_SCHEMAS": "true"}, "AUTO_REGISTER_SCHEMAS"),
        ({"KAFKA_BROKER_URL": "b:1", "SCHEMA_VERSION": "1"}, "SCHEMA_REGISTRY is missing"),
        *[
            ({**LEAST, "KAFKA_AUTH": auth}, f"KAFKA_SECRET_ARN is missing: KAFKA_AUTH={auth} ")
            for auth in ("plain", "scram", "scram-256", "oauth", "mtls")
        ],
        ({**LEAST, "KAFKA_SECRET_ARN": f"{ARN}s"}, "KAFKA_SECRET_ARN is not for KAFKA_AUTH=none"),
        ({**LEAST, "KAFKA_AUTH": "iam", "KAFKA_SECRET_ARN": f"{ARN}s"}, "KAFKA_SECRET_ARN is not for KAFKA_AUTH=iam"),
        ({**LEAST, "KAFKA_AUTH": "iam"}, "AWS_REGION is missing"),
        ({**LEAST, "KAFKA_CA_SECRET_ARN": f"{ARN}s"}, "KAFKA_CA_SECRET_ARN is not for KAFKA_AUTH=none"),
        (
            {
                **LEAST,
                "KAFKA_AUTH": "tls",
                "KAFKA_CA_SECRET_ARN": f"{ARN}s",
                "KAFKA_PROPERTIES": '{"ssl.ca.location": "/opt/ca.pem"}',
            },
            "KAFKA_CA_SECRET_ARN and ssl.ca.location in KAFKA_PROPERTIES",
        ),
        ({**LEAST, "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"}, "SECRET_ARN is not used without SCHEMA_REGISTRY"),
        *(
            (
                {"KAFKA_BROKER_URL": "b:1", "SCHEMA_REGISTRY": registry, name: f"{ARN}s"},
                f"{name} is not for AWS Glue",
            )
            for registry in ("glue", GLUE_REGISTRY)
            for name in ("SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN")
        ),
        (
            {**GIVEN, "SCHEMA_FILE": "feature_trigger_v2.avsc"},
            "SCHEMA_VERSION uses the registry schema: leave SCHEMA_FILE out",
        ),
        ({**LEAST, "SCHEMA_REGISTRY": "glue"}, "SCHEMA_ID must be the UUID of a schema version"),
        ({**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_ID": str(VERSION)}, "SCHEMA_ID must be a number, as the"),
        (
            {**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"},
            "SCHEMA_REGISTRY_SECRET_ARN needs an https URL",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_REGISTRY_CA_SECRET_ARN": f"{ARN}s"},
            "SCHEMA_REGISTRY_CA_SECRET_ARN needs an https URL",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY": "HTTP://r", "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"},
            "SCHEMA_REGISTRY_SECRET_ARN needs an https URL",
        ),
    ],
)
def test_read_settings__finds_what_is_missing_or_contradicts(environ: dict[str, str], mistake: str) -> None:
    """Mistakes that lie in no single setting are named too."""
    with pytest.raises(Misconfigured, match=mistake):
        read_settings(environ)


def test_read_settings__names_every_mistake_at_once() -> None:
    """Whoever deploys corrects once."""
    environ = {
        "KAFKA_BROKER_URL": "nowhere",
        "TOPIC_NAME": "a topic",
        "FEATURES_MODE": "some",
        "KAFKA_PROPERTIES": '{"acks": 1, "linger.ms": 5}',
    }
    with pytest.raises(Misconfigured) as raised:
        read_settings(environ)
    lines = str(raised.value).splitlines()
    assert lines[0] == "5 of the function's settings are invalid:"
    names = ["KAFKA_BROKER_URL", "TOPIC_NAME", "FEATURES_MODE", "KAFKA_PROPERTIES", "SCHEMA_REGISTRY"]
    assert [line.split()[1] for line in lines[1:]] == names
    assert "acks" in lines[4]
    assert "linger.ms" in lines[4]


def test_read_settings__asks_less_of_a_registration() -> None:
    """Registering the schema needs a registry, and no brokers."""
    assert read_settings({"SCHEMA_REGISTRY": "http://registry"}, registers=True).registry == "http://registry"
    with pytest.raises(Misconfigured, match="SCHEMA_REGISTRY is missing: the URL"):
        read_settings({"SCHEMA_ID": "7"}, registers=True)


@pytest.mark.parametrize("registry", ["glue", GLUE_REGISTRY, GLUE_REGISTRY.replace("aws", "aws-cn", 1)])
def test_read_settings__takes_glue_for_a_registry(registry: str) -> None:
    """Glue's default registry by a word, any other by its ARN; a schema in it by the UUID of its version."""
    environ = {"KAFKA_BROKER_URL": "b:1", "SCHEMA_REGISTRY": registry, "SCHEMA_ID": str(VERSION).upper()}
    settings = read_settings(environ)
    assert (settings.registry, settings.is_glue, settings.schema_id) == (registry, True, VERSION)
    assert settings.glue_compatibility == "FULL_ALL"
    assert not read_settings({**environ, "SCHEMA_REGISTRY": "", "GLUE_COMPATIBILITY": "NONE"}).is_glue


def test_read_settings__takes_the_second_schema() -> None:
    """A file beside the default one is taken by its name."""
    assert read_settings({**LEAST, "SCHEMA_FILE": "feature_trigger_v2.avsc"}).schema_file == "feature_trigger_v2.avsc"
