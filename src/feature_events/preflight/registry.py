"""Asks the registry whether there is a schema to write by, and whether an event can fill it; it registers nothing."""

import ssl
from functools import partial

from feature_events.aws.secret import OAuthClient, Secret
from feature_events.errors import FeatureEventsError, Misconfigured
from feature_events.events.codec import Codec
from feature_events.preflight.check import Check, Stages, to_secret_name
from feature_events.preflight.http import path_stages, token_stages
from feature_events.registries.confluent_client import REGISTRY_SETTINGS, read_ca
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import LATEST_VERSION, REGISTRY_CA, REGISTRY_CREDENTIALS, Settings
from feature_events.web.session import make_tls_context

SCHEMA = "schema"
"""The name of the probe."""

_ENDPOINT = "token endpoint"
_SECRET, _CA = to_secret_name(REGISTRY_CREDENTIALS), to_secret_name(REGISTRY_CA)


def registry_stages(settings: Settings) -> Stages:
    """The probes of the registry and of the schema in it."""
    if settings.schema_id is not None or settings.registry is None:
        return [[Check(SCHEMA, lambda: f"id {settings.schema_id} is pinned, so the registry is not asked")]]
    if settings.is_glue:
        return [[Check(SCHEMA, lambda: _find_schema(settings))]]
    context = partial(_to_tls_context, settings) if settings.registry.startswith("https:") else None
    path = path_stages(settings.registry, context, _CA)
    reached = [probe.name for stage in path[-1:] for probe in stage]
    token = _token_stages(settings)
    return [*path, *token, [Check(SCHEMA, lambda: _find_schema(settings), [_SECRET, _CA, _ENDPOINT], reached)]]


def _to_tls_context(settings: Settings) -> ssl.SSLContext:
    return make_tls_context(REGISTRY_CA, read_ca(settings.registry_ca_secret))


def _token_stages(settings: Settings) -> Stages:
    """The probes of the token endpoint and of a token from it; none where the registry's secret names no endpoint."""
    try:
        secret = (
            Secret(REGISTRY_CREDENTIALS, settings.registry_secret).read_credentials()
            if settings.registry_secret
            else None
        )
        ca = read_ca(settings.registry_ca_secret)
    except FeatureEventsError:
        return []  # the probe of the secret says why
    if not isinstance(secret, OAuthClient):
        return []
    return token_stages(_ENDPOINT, secret, ca, REGISTRY_SETTINGS, _CA)


def _find_schema(settings: Settings) -> str:
    registry = make_registry(settings)
    if settings.schema_version is not None:
        schema = registry.read_version(settings.schema_version)
    elif settings.auto_register and registry.find_registered() is None:
        if not registry.check():
            raise Misconfigured(
                f"the registry calls {settings.schema_file} incompatible with the latest version under "
                f"{registry.subject}: compare the two, or set {LATEST_VERSION}"
            )
        return f"not registered under {registry.subject}; the first batch will register it"
    else:
        schema = registry.look_up()
    Codec(schema.text)
    return f"id {schema.id} under {registry.subject}"
