"""Settings that name a registry that answers as it is told."""

from collections.abc import Callable

import pytest

from feature_events.settings.settings import Settings, read_settings
from tests.support.web_server import ScriptedServer


@pytest.fixture
def to_settings(server: ScriptedServer) -> Callable[..., Settings]:
    """Makes settings with this registry, and with these variables."""
    return lambda **environ: read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url, **environ})
