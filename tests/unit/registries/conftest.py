"""A registry that answers as it is told, and the settings that name it."""

from collections.abc import Callable, Iterator

import pytest

from feature_events.settings import Settings, read_settings
from tests.support.web_server import ScriptedServer, run_scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A registry that says what a test tells it to."""
    with run_scripted_server() as running:
        yield running


@pytest.fixture
def to_settings(server: ScriptedServer) -> Callable[..., Settings]:
    """Makes settings with this registry, and with these variables."""
    return lambda **environ: read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url, **environ})
