"""Read the environment into Settings.

All mistakes are reported in one message, so a deployer can correct them in one step.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal, NamedTuple, cast, get_args
from uuid import UUID

from feature_events.errors import Misconfigured
from feature_events.events.schema import DEFAULT_SCHEMA_FILE, SCHEMA_FILES, SchemaId
from feature_events.layouts.entity_features import FeaturesMode, Removals
from feature_events.layouts.parser import DEFAULT, parse_table_layouts
from feature_events.layouts.table_layout import TableLayout
from feature_events.logs import logger
from feature_events.settings.kafka_properties import CA_PROPERTY, Properties, parse_kafka_properties
from feature_events.settings.values import (
    GLUE,
    SchemaVersion,
    number_between,
    one_of,
    parse_brokers,
    parse_bucket,
    parse_prefix,
    parse_registry,
    parse_schema_id,
    parse_schema_version,
    parse_secret,
    parse_tables,
    parse_topic,
)
from feature_events.syntax import InvalidValue

type KafkaAuth = Literal["none", "tls", "plain", "scram", "scram-256", "iam", "oauth", "mtls"]
"""How the function authenticates to Kafka; see `kafka.authentication`."""

type GlueCompatibility = Literal[
    "NONE", "DISABLED", "BACKWARD", "BACKWARD_ALL", "FORWARD", "FORWARD_ALL", "FULL", "FULL_ALL"
]
"""https://docs.aws.amazon.com/glue/latest/dg/schema-registry.html#schema-registry-compatibility"""

GLUE_COMPATIBILITIES = get_args(GlueCompatibility.__value__)
KAFKA_AUTHS = get_args(KafkaAuth.__value__)
_WITHOUT_SECRET = ("none", "tls", "iam")
_WITH_SECRET = [auth for auth in KAFKA_AUTHS if auth not in _WITHOUT_SECRET]

DEFAULT_TOPIC = "FEATURE_AVAILABILITY_EVENTS"
MAX_DELIVERY_TIMEOUT_MS = 890_000  # a little less than the 15 minutes that Lambda allows

_PARAMETERS = {
    variable: variable.title().replace("_", "")
    for variable in (
        "KAFKA_BROKER_URL",
        "KAFKA_AUTH",
        "KAFKA_SECRET_ARN",
        "KAFKA_CA_SECRET_ARN",
        "KAFKA_COMPRESSION",
        "KAFKA_PROPERTIES",
        "TOPIC_NAME",
        "SCHEMA_REGISTRY",
        "SCHEMA_REGISTRY_SECRET_ARN",
        "SCHEMA_REGISTRY_CA_SECRET_ARN",
        "SCHEMA_FILE",
        "TABLE_LAYOUTS",
        "FEATURES_MODE",
        "REMOVALS",
        "DEAD_LETTER_LIMIT",
    )
} | {"SCHEMA_ID": "Schema=id:N", "SCHEMA_VERSION": "Schema=version:N"}
"""The template's parameters, by the variables that they set."""


def to_label(variable: str) -> str:
    """Return the name of a setting for messages: the template's parameter, if there is one, before the variable."""
    return f"{_PARAMETERS[variable]} ({variable})" if variable in _PARAMETERS else variable


KAFKA_CREDENTIALS = to_label("KAFKA_SECRET_ARN")
KAFKA_CA = to_label("KAFKA_CA_SECRET_ARN")
REGISTRY_CREDENTIALS = to_label("SCHEMA_REGISTRY_SECRET_ARN")
REGISTRY_CA = to_label("SCHEMA_REGISTRY_CA_SECRET_ARN")
SCHEMA_VERSION = to_label("SCHEMA_VERSION")
LATEST_VERSION = "Schema=version:latest (SCHEMA_VERSION)"


class Settings(NamedTuple):
    """The function's settings."""

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
    removals: Removals
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
    """Applied if the function creates the schema. An existing schema keeps its own."""

    @property
    def is_glue(self) -> bool:
        """True for AWS Glue, False for a registry with Confluent's interface or without a registry."""
        return self.registry is not None and (self.registry == GLUE or self.registry.startswith("arn:"))

    @property
    def is_embedded(self) -> bool:
        """True if librdkafka's embedded broker replaces Kafka."""
        return any(name.startswith("test.mock.") for name in self.kafka_properties)


class _Reader:
    """Reads variables and collects the mistakes in them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def read[T](self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except InvalidValue as invalid:
            self.mistakes += [f"{to_label(name)} {mistake}" for mistake in invalid.args]
            return default


def read_settings(environ: Mapping[str, str], *, registers: bool = False) -> Settings:
    """Read the settings; an empty variable counts as absent.

    Args:
        environ: the function's environment.
        registers: whether the function registers the schema, which needs a registry but no brokers.

    Raises:
        Misconfigured: with one line for each mistake. Only layouts are quoted; another value may be a secret.

    """
    reader = _Reader(environ)
    settings = _read_each(reader)
    names = {name for name, text in environ.items() if text.strip()}
    if "DEAD_LETTER_BUCKET" in names:
        logger.warning("DEAD_LETTER_BUCKET is deprecated: set FAILURE_BUCKET instead")
    mistakes = [
        *reader.mistakes,
        *_find_contradictions(names, settings, registers=registers),
        *_find_kafka_contradictions(names, environ.get("KAFKA_AUTH", "").strip() or "none", settings),
        *_find_registry_contradictions(names, settings),
    ]
    if mistakes:
        raise Misconfigured("\n- ".join(["the function's settings are invalid:", *mistakes]))
    return settings


def _read_each(reader: _Reader) -> Settings:
    read = reader.read
    return Settings(
        brokers=read("KAFKA_BROKER_URL", parse_brokers, ""),
        registry=read("SCHEMA_REGISTRY", parse_registry, None),
        topic=read("TOPIC_NAME", parse_topic, DEFAULT_TOPIC),
        schema_id=read("SCHEMA_ID", parse_schema_id, None),
        schema_version=read("SCHEMA_VERSION", parse_schema_version, None),
        schema_file=read("SCHEMA_FILE", one_of(*SCHEMA_FILES), DEFAULT_SCHEMA_FILE),
        auto_register=read("AUTO_REGISTER_SCHEMAS", one_of("true", "false"), "false") == "true",
        table_layouts=read("TABLE_LAYOUTS", parse_table_layouts, ()) or parse_table_layouts(DEFAULT),
        own_tables=read("OWN_TABLES", parse_tables, ()),
        features_mode=cast("FeaturesMode", read("FEATURES_MODE", one_of("all", "changed"), "all")),
        removals=cast("Removals", read("REMOVALS", one_of("none", "events"), "none")),
        compression=read("KAFKA_COMPRESSION", one_of("zstd", "lz4", "snappy", "gzip", "none"), "zstd"),
        kafka_properties=read("KAFKA_PROPERTIES", parse_kafka_properties, {}),
        delivery_timeout_ms=read("DELIVERY_TIMEOUT_MS", number_between(1000, MAX_DELIVERY_TIMEOUT_MS), 20_000),
        # The former name, accepted in this version only
        failure_bucket=read("FAILURE_BUCKET", parse_bucket, None) or read("DEAD_LETTER_BUCKET", parse_bucket, None),
        dead_letter_prefix=read("DEAD_LETTER_PREFIX", parse_prefix, "dead-letters/"),
        dead_letter_limit=read("DEAD_LETTER_LIMIT", number_between(1, 1_000_000), 100),
        kafka_auth=cast("KafkaAuth", read("KAFKA_AUTH", one_of(*KAFKA_AUTHS), "none")),
        kafka_secret=read("KAFKA_SECRET_ARN", parse_secret, None),
        kafka_ca_secret=read("KAFKA_CA_SECRET_ARN", parse_secret, None),
        registry_secret=read("SCHEMA_REGISTRY_SECRET_ARN", parse_secret, None),
        registry_ca_secret=read("SCHEMA_REGISTRY_CA_SECRET_ARN", parse_secret, None),
        glue_compatibility=cast(
            "GlueCompatibility", read("GLUE_COMPATIBILITY", one_of(*GLUE_COMPATIBILITIES), "FULL_ALL")
        ),
    )


def _find_contradictions(names: Collection[str], settings: Settings, *, registers: bool) -> Iterator[str]:
    """Yield the mistakes in combinations of settings.

    Args:
        names: the variables that are set.
        settings: the settings, with defaults in place of invalid ones.
        registers: whether the function registers the schema.

    """
    registry, schema_id = to_label("SCHEMA_REGISTRY"), to_label("SCHEMA_ID")
    if "KAFKA_BROKER_URL" not in names and not registers:
        yield f"{to_label('KAFKA_BROKER_URL')} is missing: set the bootstrap brokers, as host:port,host:port"
    if registers and "SCHEMA_REGISTRY" not in names:
        yield f"{registry} is missing: set the URL of the registry to register the schema with, or glue"
    elif "SCHEMA_ID" not in names and "SCHEMA_REGISTRY" not in names:
        yield f"{registry} is missing: set the registry's URL or glue, or pin the schema's id with {schema_id}"
    if None not in (settings.schema_id, settings.registry) and isinstance(settings.schema_id, UUID) != settings.is_glue:
        form, kind = ("the UUID of a schema version", "AWS Glue") if settings.is_glue else ("a number", "not AWS Glue")
        yield f"{schema_id} must be {form}, because {registry} is {kind}"
    if "SCHEMA_ID" in names and "SCHEMA_VERSION" in names:
        yield f"{schema_id} and {SCHEMA_VERSION} exclude each other: set one of them"
    if "SCHEMA_VERSION" in names and settings.schema_file != DEFAULT_SCHEMA_FILE:
        yield f"{to_label('SCHEMA_FILE')} is not used with {SCHEMA_VERSION}, the registry's own schema: remove one"
    if settings.auto_register and ("SCHEMA_ID" in names or "SCHEMA_VERSION" in names):
        yield f"AUTO_REGISTER_SCHEMAS registers the shipped schema: remove {schema_id} and {SCHEMA_VERSION}"


def _find_kafka_contradictions(names: Collection[str], auth: str, settings: Settings) -> Iterator[str]:
    """Yield the mistakes in combinations of settings for Kafka's authentication; see `_find_contradictions`.

    `auth` is KAFKA_AUTH as it is written, because the default in place of an invalid value could cause false reports.
    """
    label = to_label("KAFKA_AUTH")
    if auth in _WITH_SECRET and "KAFKA_SECRET_ARN" not in names:
        yield f"{KAFKA_CREDENTIALS} is missing: {label} is {auth}, which needs the credentials in this secret"
    if auth in _WITHOUT_SECRET and "KAFKA_SECRET_ARN" in names:
        yield f"{KAFKA_CREDENTIALS} is not used: {label} is {auth}; remove it, or choose {', '.join(_WITH_SECRET)}"
    if auth == "none" and "KAFKA_CA_SECRET_ARN" in names:
        yield f"{KAFKA_CA} is not used: {label} is none, which has no TLS; remove it, or choose tls or another"
    if auth == "iam" and "AWS_REGION" not in names:
        yield f"AWS_REGION is missing: {label} is iam, which signs tokens for a region; Lambda always sets it"
    if "KAFKA_CA_SECRET_ARN" in names and CA_PROPERTY in settings.kafka_properties:
        yield f"{KAFKA_CA} and {CA_PROPERTY} in {to_label('KAFKA_PROPERTIES')} exclude each other: set one of them"


def _find_registry_contradictions(names: Collection[str], settings: Settings) -> Iterator[str]:
    """Yield the mistakes in combinations of settings for the registry's secrets; see `_find_contradictions`."""
    registry = to_label("SCHEMA_REGISTRY")
    for name in ("SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN"):
        if name not in names:
            continue
        if "SCHEMA_REGISTRY" not in names:
            yield f"{to_label(name)} is not used without {registry}: set that too, or remove it"
        elif settings.is_glue:
            yield f"{to_label(name)} is not used for AWS Glue, which the function's role authenticates to: remove it"
        elif (settings.registry or "").startswith("http:"):
            # Basic authentication over http would show the password to everyone on the network path
            yield f"{to_label(name)} needs an https URL in {registry}"
