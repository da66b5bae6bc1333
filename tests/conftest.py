"""What tests of several directories share: things that take seconds to make are made once a session."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from local.application.artefacts import Artefacts, build
from local.paths import DEFAULT_STACK, HOME, ROOT
from local.servers.processes import Processes
from local.servers.stack import RunningStack, Stack
from local.servers.topic import create_topic
from local.steps import Steps
from tests.simulation.scale import FULL

# Neither a slow machine nor luck may fail a test; `make prove` looks for what these examples do not show
settings.register_profile("tests", deadline=None, derandomize=not FULL, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset all proxy variables: the lower-case ones would override those that a test sets."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Artefacts:
    """What `sam build` makes of the template: the code and its layer."""
    home = tmp_path_factory.mktemp("artefacts")
    processes = Processes(home)
    try:
        return build(processes, home / "build")
    finally:
        processes.end()


@pytest.fixture(scope="session")
def oldest_runtime() -> Path:
    """The bin directory of what AWS's runtime may bring at its oldest, and of the AWS CLI of that age."""
    subprocess.run([sys.executable, ROOT / "local" / "bootstrap.py", "oldest"], check=True)  # noqa: S603 -- our own
    return HOME / "oldest" / "bin"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, registry and AWS on this machine; tests share it, so each keeps to topics and names of its own.

    With STACK=up they are those of `make up`, for one test after the other; not for tests that stop a server.
    """
    if os.environ.get("STACK") != "up":
        with Stack() as stack:
            yield stack
        return
    running = RunningStack.find(DEFAULT_STACK, Steps())
    assert running is not None, "no local stack is running; start one with `make up`"
    with running:
        yield running  # type: ignore[misc]  # it has no servers to stop


@pytest.fixture(scope="session")
def topic(stack: Stack) -> Callable[..., str]:
    """Makes a new topic, of one partition unless told otherwise, and gives its name."""
    numbers, session = count(), uuid4().hex[:8]

    def make(partitions: int = 1) -> str:
        name = f"test-{session}-{next(numbers)}"
        create_topic(stack.kafka, name, partitions)
        return name

    return make
