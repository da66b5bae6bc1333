"""Find the schema to write events with, and its id, once per execution environment.

The settings select a pinned id, a version in the registry, or the shipped schema, which is looked up or registered.
With SCHEMA_ID there is no request to a registry. `requests` and boto3 are then not imported: importing either takes
longer than the rest of the start.
"""

import time
from collections.abc import Callable
from functools import partial

from feature_events import metrics
from feature_events.deadline import run_within
from feature_events.events.schema import Schema, read_shipped_schema
from feature_events.logs import logger
from feature_events.registries.registry import Registry
from feature_events.settings.settings import Settings


def make_registry(settings: Settings) -> Registry:
    """Return the registry in the settings. It has sent no request yet."""
    if settings.is_glue:
        from feature_events.registries.glue import GlueRegistry

        return GlueRegistry(settings)
    from feature_events.registries.confluent import ConfluentRegistry

    return ConfluentRegistry(settings)


def find_schema(settings: Settings, seconds: float, clock: Callable[[], float] = time.monotonic) -> Schema:
    """Return the schema that the settings select, with its id.

    Args:
        settings: the function's settings.
        seconds: how long this may take, including reading the registry's secrets.
        clock: measures the registry's latency.

    Raises:
        Misconfigured: the registry does not have the schema, or rejects the function's authentication or request.
        Undelivered: the registry did not respond in time, or it is overloaded.

    """
    if settings.schema_id is not None:
        logger.info("schema pinned", schema_id=settings.schema_id)
        return Schema(settings.schema_id, read_shipped_schema(settings.schema_file))
    start = clock()
    registry = make_registry(settings)  # imports requests or boto3
    asked = clock()
    try:
        return run_within(seconds - (asked - start), partial(_find_schema, registry, settings))
    except TimeoutError:
        raise registry.make_unreached_error(f"no schema within {seconds:.1f} s; {registry.step}") from None
    finally:
        metrics.emit_registry_latency((clock() - asked) * 1000)


def _find_schema(registry: Registry, settings: Settings) -> Schema:
    if settings.schema_version is not None:
        return registry.read_version(settings.schema_version)
    if settings.auto_register:
        return Schema(registry.ensure_registered().id, registry.text)
    return registry.look_up()
