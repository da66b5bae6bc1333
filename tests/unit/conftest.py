"""Credentials for every unit test, and a web server that returns scripted responses."""

from collections.abc import Iterator

import pytest

from tests.support.web_server import ScriptedServer, run_scripted_server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set credentials, like Lambda. No test depends on those of the machine, or on how long a search for them takes."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a server that returns scripted responses."""
    with run_scripted_server() as running:
        yield running
