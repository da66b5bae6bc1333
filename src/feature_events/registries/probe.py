"""Asks the registry whether there is a schema to write by, and whether an event can fill it; it registers nothing."""

import ssl
from functools import partial

import certifi

from feature_events.errors import Misconfigured
from feature_events.events.codec import Codec
from feature_events.network import to_address, to_network_stages
from feature_events.probe import Probe, Stages, to_secret_name
from feature_events.registries.schema import to_registry
from feature_events.registries.transport import read_tls_context
from feature_events.settings import Settings

SCHEMA = "schema"
"""The name of the probe."""

_SECRET, _CA = to_secret_name("SCHEMA_REGISTRY_SECRET_ARN"), to_secret_name("SCHEMA_REGISTRY_CA_SECRET_ARN")


def to_registry_stages(settings: Settings) -> Stages:
    """The probes of the registry and of the schema in it."""
    if settings.schema_id is not None or settings.registry is None:
        return [[Probe(SCHEMA, lambda: f"id {settings.schema_id} is pinned, so the registry is not asked")]]
    if settings.is_glue:
        return [[Probe(SCHEMA, lambda: _find_schema(settings))]]
    context = partial(_to_tls_context, settings) if settings.registry.startswith("https:") else None
    path = to_network_stages([to_address(settings.registry)], context, _CA)
    reached = [probe.name for probe in path[-1]]
    return [*path, [Probe(SCHEMA, lambda: _find_schema(settings), [_SECRET, _CA], reached)]]


def _to_tls_context(settings: Settings) -> ssl.SSLContext:
    if settings.registry_ca_secret:
        return read_tls_context(settings.registry_ca_secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context


def _find_schema(settings: Settings) -> str:
    registry = to_registry(settings)
    if settings.schema_version is not None:
        schema = registry.read_version(settings.schema_version)
    elif settings.auto_register and registry.find_registered() is None:
        if not registry.check_compatibility():
            raise Misconfigured(
                f"the registry calls feature_trigger.avsc incompatible with the latest version under "
                f"{registry.subject}: compare the two, or set SCHEMA_VERSION=latest"
            )
        return f"not registered under {registry.subject}; the first batch will register it"
    else:
        schema = registry.look_up()
    Codec(schema.text)
    return f"id {schema.id} under {registry.subject}"
