"""A web server that returns scripted responses."""

from collections.abc import Iterator

import pytest

from tests.support.web_server import ScriptedServer, run_scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a server that returns scripted responses."""
    with run_scripted_server() as running:
        yield running
