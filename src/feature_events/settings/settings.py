"""Reads the environment into Settings, once, with every mistake named in one message.

Whoever deploys should have to correct and deploy once, not once per mistake.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, cast, get_args
from uuid import UUID

from feature_events.errors import Misconfigured
from feature_events.layouts.reading import DEFAULT, to_table_layouts
from feature_events.layouts.table_layout import TableLayout
from feature_events.settings.kafka_properties import CA_PROPERTY, Properties, to_kafka_properties
from feature_events.settings.values import (
    GLUE,
    InvalidValue,
    SchemaId,
    SchemaVersion,
    one_of,
    to_brokers,
    to_bucket,
    to_number,
    to_prefix,
    to_registry,
    to_schema_id,
    to_secret,
    to_tables,
    to_topic,
    to_version,
)

type FeaturesMode = Literal["all", "changed"]
"""Which features of a written item an event names: every one, or those whose value changed."""

type KafkaAuth = Literal["none", "tls", "plain", "scram", "scram-256", "iam", "oauth", "mtls"]
"""How the function authenticates to Kafka; `kafka.authentication` has what each means."""

KAFKA_AUTHS = get_args(KafkaAuth.__value__)
_WITHOUT_SECRET = ("none", "tls", "iam")
_WITH_SECRET = [auth for auth in KAFKA_AUTHS if auth not in _WITHOUT_SECRET]

type GlueCompatibility = Literal[
    "NONE", "DISABLED", "BACKWARD", "BACKWARD_ALL", "FORWARD", "FORWARD_ALL", "FULL", "FULL_ALL"
]
"""What AWS Glue asks of a schema's later versions.

https://docs.aws.amazon.com/glue/latest/dg/schema-registry.html#schema-registry-compatibility
"""

GLUE_COMPATIBILITIES = get_args(GlueCompatibility.__value__)

DEFAULT_TOPIC = "FEATURE_AVAILABILITY_EVENTS"
DEFAULT_SCHEMA_FILE = "feature_trigger.avsc"
SCHEMA_FILES = (DEFAULT_SCHEMA_FILE, "feature_trigger_v2.avsc")
"""The schemas that are shipped with the function, by their files' names in `schemas`."""
KAFKA_CREDENTIALS = "KafkaSecretArn (KAFKA_SECRET_ARN)"
KAFKA_CA = "KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)"
REGISTRY_CREDENTIALS = "SchemaRegistrySecretArn (SCHEMA_REGISTRY_SECRET_ARN)"
REGISTRY_CA = "SchemaRegistryCaSecretArn (SCHEMA_REGISTRY_CA_SECRET_ARN)"
SCHEMA_VERSION = "Schema=version:N (SCHEMA_VERSION)"
LATEST_VERSION = "Schema=version:latest (SCHEMA_VERSION)"
"""Settings, as messages name them: the template's parameter first, then the function's variable."""

MAX_DELIVERY_TIMEOUT_MS = 890_000  # a little less than the 15 minutes that Lambda allows


class Settings(NamedTuple):
    """What the environment asks for."""

    brokers: str
    registry: str | None
    topic: str
    schema_id: SchemaId | None
    schema_version: SchemaVersion
    schema_file: str
    auto_register: bool
    table_layouts: tuple[TableLayout, ...]
    own_tables: tuple[str, ...]
    """Names of the tables that belong to the application's stack, for the preflight check."""
    features_mode: FeaturesMode
    compression: str
    kafka_properties: Properties
    delivery_timeout_ms: int
    failure_bucket: str | None
    dead_letter_prefix: str
    dead_letter_limit: int
    kafka_auth: KafkaAuth
    kafka_secret: str | None
    kafka_ca_secret: str | None
    registry_secret: str | None
    registry_ca_secret: str | None
    glue_compatibility: GlueCompatibility
    """Counts where the schema is created, and never for one that is there."""

    @property
    def is_glue(self) -> bool:
        """Whether the registry is AWS Glue's, and not one with Confluent's interface."""
        return self.registry is not None and (self.registry == GLUE or self.registry.startswith("arn:"))

    @property
    def is_embedded(self) -> bool:
        """Whether librdkafka's own broker stands in for Kafka."""
        return any(name.startswith("test.mock.") for name in self.kafka_properties)


class _Values:
    """Reads one variable after the other, and gathers what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def read[T](self, name: str, to_value: Callable[[str], T], default: T) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return to_value(text)
        except InvalidValue as invalid:
            self.mistakes += [f"{name} {what}" for what in invalid.args]
            return default


def read_settings(environ: Mapping[str, str], *, registers: bool = False) -> Settings:
    """Reads the settings; an empty variable counts as absent.

    Args:
        environ: the function's environment.
        registers: whether they are for registering the schema, which needs a registry and no brokers.

    Raises:
        Misconfigured: with one line for each mistake. No value but a layout's is repeated: it may be a secret.

    """
    values = _Values(environ)
    settings = _read_each(values)
    mistakes = values.mistakes + _find_contradictions(environ, settings, registers=registers)
    if mistakes:
        raise Misconfigured("\n- ".join([f"{len(mistakes)} of the function's settings are invalid:", *mistakes]))
    return settings


def _read_each(values: _Values) -> Settings:
    read = values.read
    return Settings(
        brokers=read("KAFKA_BROKER_URL", to_brokers, ""),
        registry=read("SCHEMA_REGISTRY", to_registry, None),
        topic=read("TOPIC_NAME", to_topic, DEFAULT_TOPIC),
        schema_id=read("SCHEMA_ID", to_schema_id, None),
        schema_version=read("SCHEMA_VERSION", to_version, None),
        schema_file=read("SCHEMA_FILE", one_of(*SCHEMA_FILES), DEFAULT_SCHEMA_FILE),
        auto_register=read("AUTO_REGISTER_SCHEMAS", one_of("true", "false"), "false") == "true",
        table_layouts=read("TABLE_LAYOUTS", to_table_layouts, ()) or to_table_layouts(DEFAULT),
        own_tables=read("OWN_TABLES", to_tables, ()),
        features_mode=cast("FeaturesMode", read("FEATURES_MODE", one_of("all", "changed"), "all")),
        compression=read("KAFKA_COMPRESSION", one_of("zstd", "lz4", "snappy", "gzip", "none"), "zstd"),
        kafka_properties=read("KAFKA_PROPERTIES", to_kafka_properties, {}),
        delivery_timeout_ms=read("DELIVERY_TIMEOUT_MS", to_number(1000, MAX_DELIVERY_TIMEOUT_MS), 20_000),
        failure_bucket=read("FAILURE_BUCKET", to_bucket, None),
        dead_letter_prefix=read("DEAD_LETTER_PREFIX", to_prefix, "dead-letters/"),
        dead_letter_limit=read("DEAD_LETTER_LIMIT", to_number(1, 1_000_000), 100),
        kafka_auth=cast("KafkaAuth", read("KAFKA_AUTH", one_of(*KAFKA_AUTHS), "none")),
        kafka_secret=read("KAFKA_SECRET_ARN", to_secret, None),
        kafka_ca_secret=read("KAFKA_CA_SECRET_ARN", to_secret, None),
        registry_secret=read("SCHEMA_REGISTRY_SECRET_ARN", to_secret, None),
        registry_ca_secret=read("SCHEMA_REGISTRY_CA_SECRET_ARN", to_secret, None),
        glue_compatibility=cast(
            "GlueCompatibility", read("GLUE_COMPATIBILITY", one_of(*GLUE_COMPATIBILITIES), "FULL_ALL")
        ),
    )


def _find_contradictions(environ: Mapping[str, str], settings: Settings, *, registers: bool) -> list[str]:
    """Mistakes that lie in no single setting."""
    given = {name for name, text in environ.items() if text.strip()}
    found = []
    if "KAFKA_BROKER_URL" not in given and not registers:
        found.append("KAFKA_BROKER_URL is missing: the bootstrap brokers, as host:port,host:port")
    if registers and "SCHEMA_REGISTRY" not in given:
        found.append("SCHEMA_REGISTRY is missing: the URL of the registry to register the schema with, or glue")
    elif not given & {"SCHEMA_ID", "SCHEMA_REGISTRY"}:
        found.append("SCHEMA_REGISTRY is missing: the registry's URL, or glue; or pin the schema by SCHEMA_ID")
    if None not in (settings.schema_id, settings.registry) and isinstance(settings.schema_id, UUID) != settings.is_glue:
        wanted = "the UUID of a schema version" if settings.is_glue else "a number"
        found.append(f"SCHEMA_ID must be {wanted}, as the registry in SCHEMA_REGISTRY has it")
    if {"SCHEMA_ID", "SCHEMA_VERSION"} <= given:
        found.append("SCHEMA_ID and SCHEMA_VERSION contradict each other: set one of them")
    if "SCHEMA_VERSION" in given and settings.schema_file != DEFAULT_SCHEMA_FILE:
        found.append("SCHEMA_VERSION uses the registry schema: leave SCHEMA_FILE out with it")
    if environ.get("AUTO_REGISTER_SCHEMAS", "").strip() == "true" and given & {"SCHEMA_ID", "SCHEMA_VERSION"}:
        found.append(
            "AUTO_REGISTER_SCHEMAS registers the shipped schema: set neither SCHEMA_ID nor SCHEMA_VERSION with it"
        )
    return found + _find_authentication_contradictions(environ, settings)


def _find_authentication_contradictions(environ: Mapping[str, str], settings: Settings) -> list[str]:
    """Mistakes between the ways to authenticate, what they need, and where they are allowed."""
    given = {name for name, text in environ.items() if text.strip()}
    auth, registry = environ.get("KAFKA_AUTH", "").strip() or "none", environ.get("SCHEMA_REGISTRY", "").strip()
    found = []
    if auth in _WITH_SECRET and "KAFKA_SECRET_ARN" not in given:
        found.append(f"KAFKA_SECRET_ARN is missing: KAFKA_AUTH={auth} authenticates with what that secret holds")
    if auth in _WITHOUT_SECRET and "KAFKA_SECRET_ARN" in given:
        found.append(
            f"KAFKA_SECRET_ARN is not for KAFKA_AUTH={auth}: leave it out, or set that to {', '.join(_WITH_SECRET)}"
        )
    if auth == "none" and "KAFKA_CA_SECRET_ARN" in given:
        found.append("KAFKA_CA_SECRET_ARN is not for KAFKA_AUTH=none, which has no TLS: set that to tls or another")
    if auth == "iam" and not environ.get("AWS_REGION", "").strip():
        found.append("AWS_REGION is missing: KAFKA_AUTH=iam signs tokens for it, and Lambda always has it")
    if "KAFKA_CA_SECRET_ARN" in given and CA_PROPERTY in settings.kafka_properties:
        found.append(f"KAFKA_CA_SECRET_ARN and {CA_PROPERTY} in KAFKA_PROPERTIES contradict each other: set one")
    for name in ("SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN"):
        if name in given and not registry:
            found.append(f"{name} is not used without SCHEMA_REGISTRY: set that, or leave it out")
        elif name in given and settings.is_glue:
            found.append(f"{name} is not for AWS Glue, which authenticates the function by its role: leave it out")
        elif name in given and (settings.registry or "").startswith("http:"):
            # Basic authentication over http would show the password to everyone on the network path
            found.append(f"{name} needs an https URL in SCHEMA_REGISTRY")
    return found
