"""A web server that answers as it is told."""

from collections.abc import Iterator

import pytest

from tests.support.web_server import ScriptedServer, run_scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that says what a test tells it to."""
    with run_scripted_server() as running:
        yield running
