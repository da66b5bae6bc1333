"""Check that the registry has the schema, and that events can be written with it; register nothing."""

import ssl
from functools import partial

from feature_events.aws.secret import OAuthClient, Secret
from feature_events.errors import FeatureEventsError, Misconfigured
from feature_events.events.codec import Codec
from feature_events.preflight.aws import to_check_name
from feature_events.preflight.check import Check, Stages
from feature_events.preflight.network import make_token_stages, make_url_stages
from feature_events.registries.confluent_client import REGISTRY_SETTINGS, read_ca
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import LATEST_VERSION, REGISTRY_CA, REGISTRY_CREDENTIALS, Settings
from feature_events.web.session import make_tls_context

SCHEMA = "schema"
"""The name of the schema's check."""

_ENDPOINT = "token endpoint"
_SECRET, _CA = to_check_name(REGISTRY_CREDENTIALS), to_check_name(REGISTRY_CA)


def make_registry_stages(settings: Settings) -> Stages:
    """Return the checks of the registry and of the schema in it."""
    if settings.schema_id is not None or settings.registry is None:
        return [[Check(SCHEMA, lambda: f"id {settings.schema_id} is pinned; the registry is not used")]]
    if settings.is_glue:
        return [[Check(SCHEMA, partial(_find_schema, settings))]]
    make_context = partial(_make_context, settings) if settings.registry.startswith("https:") else None
    path = make_url_stages(settings.registry, make_context, _CA)
    last = [check.name for stage in path[-1:] for check in stage]
    schema = Check(SCHEMA, partial(_find_schema, settings), [_SECRET, _CA, _ENDPOINT], last)
    return [*path, *_make_token_stages(settings), [schema]]


def _make_context(settings: Settings) -> ssl.SSLContext:
    return make_tls_context(REGISTRY_CA, read_ca(settings.registry_ca_secret))


def _make_token_stages(settings: Settings) -> Stages:
    """Return the checks of the token endpoint, if the registry's secret names one."""
    try:
        secret = (
            Secret(REGISTRY_CREDENTIALS, settings.registry_secret).read_credentials()
            if settings.registry_secret
            else None
        )
        ca = read_ca(settings.registry_ca_secret)
    except FeatureEventsError:
        return []  # the secret's check reports the error
    if not isinstance(secret, OAuthClient):
        return []
    return make_token_stages(_ENDPOINT, secret, ca, REGISTRY_SETTINGS, _CA)


def _find_schema(settings: Settings) -> str:
    registry = make_registry(settings)
    if settings.schema_version is not None:
        schema = registry.read_version(settings.schema_version)
    elif settings.auto_register and registry.find_registered() is None:
        if not registry.check():
            raise Misconfigured(
                f"the registry reports that {settings.schema_file} is incompatible with the latest version under "
                f"{registry.subject}: compare the two, or set {LATEST_VERSION}"
            )
        return f"not registered under {registry.subject}; the first batch will register it"
    else:
        schema = registry.look_up()
    Codec(schema.text, with_removals=settings.removals == "events")
    return f"id {schema.id} under {registry.subject}"
