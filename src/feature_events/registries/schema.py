"""Finds the schema to write by and its id, once per execution environment, before the first batch.

The settings say which: a pinned id, a version of the registry's own, or the shipped schema, looked up or registered.
With SCHEMA_ID no registry is asked, and `requests`, which costs more to import than the rest of the start, is not
imported; nor is boto3, by which Glue is asked.
"""

import time
from collections.abc import Callable
from functools import partial

from feature_events import metrics
from feature_events.deadline import run_within
from feature_events.events.schema import Schema, read_shipped_schema
from feature_events.logs import logger
from feature_events.registries.compatibility import refuse_breaking
from feature_events.registries.registry import Registered, Registry
from feature_events.settings.settings import Settings


def to_registry(settings: Settings) -> Registry:
    """The topic's schema in the registry that the settings name, which is not asked yet."""
    if settings.is_glue:
        from feature_events.registries.glue import GlueRegistry

        return GlueRegistry(settings)
    from feature_events.registries.confluent import ConfluentRegistry

    return ConfluentRegistry(settings)


def find_schema(settings: Settings, seconds: float, clock: Callable[[], float] = time.monotonic) -> Schema:
    """The schema and id that the settings ask for: pinned, the registry's own, or the shipped one's.

    Args:
        settings: what is asked for, and where.
        seconds: how long the registry may take, its secrets included.
        clock: to measure that by.

    Raises:
        Misconfigured: the registry has no such schema, or refuses the function's authentication or request.
        Undelivered: the registry did not answer in time, or it is overloaded.

    """
    if settings.schema_id is not None:
        logger.info("schema pinned", schema_id=settings.schema_id)
        return Schema(settings.schema_id, read_shipped_schema(settings.schema_file))
    registry = to_registry(settings)
    start = clock()
    steps = ["the schema was being looked up"]
    try:
        return run_within(seconds, partial(_ask_registry, registry, settings, steps))
    except TimeoutError:
        raise registry.to_unreached(f"no schema within {seconds:.1f} s; {steps[-1]}") from None
    finally:
        metrics.emit_registry_latency((clock() - start) * 1000)


def _ask_registry(registry: Registry, settings: Settings, steps: list[str]) -> Schema:
    """Return the schema; append each step that begins to `steps`, for the message if time runs out."""
    if settings.schema_version is not None:
        return registry.read_version(settings.schema_version)
    if settings.auto_register:
        return Schema(_register(registry, settings, steps).id, read_shipped_schema(settings.schema_file))
    return registry.look_up()


def register_schema(settings: Settings) -> Registered:
    """Registers the shipped schema unless it is registered, and only where it breaks no reader of any version.

    Raises the same as `find_schema`; where the registry refuses, with its own reason, which comes first.
    """
    return _register(to_registry(settings), settings, [])


def _register(registry: Registry, settings: Settings, steps: list[str]) -> Registered:
    found = registry.find_registered()
    if found is None:
        steps.append("the schema was being compared with all versions of its subject")
        refuse_incompatible(registry, settings)
        steps.append("the schema was being registered")
        found = registry.register()  # where the check gave no reason, the registry refuses here, and says why
    return found


def refuse_incompatible(registry: Registry, settings: Settings) -> bool:
    """Refuse the shipped schema if it would break a reader; return whether the registry would accept it.

    The versions are compared whatever the registry says of its compatibility: something else may have answered.

    Raises:
        Misconfigured: it would, or the registry refuses it and says why.
        Undelivered: the registry did not answer.

    """
    is_compatible = registry.check_compatibility()
    text = read_shipped_schema(settings.schema_file)
    refuse_breaking(settings.schema_file, text, registry.subject, registry.read_versions())
    return is_compatible
