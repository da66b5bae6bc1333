"""Fixtures for registry tests."""

from collections.abc import Callable

import pytest

from feature_events.settings.settings import Settings, read_settings
from tests.support.web_server import ScriptedServer


@pytest.fixture
def to_settings(server: ScriptedServer) -> Callable[..., Settings]:
    """Return a function that creates settings with the scripted registry and further variables."""
    return lambda **environ: read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url, **environ})
