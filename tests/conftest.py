"""Fixtures for several directories. Slow ones are created once per session."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from uuid import uuid4

import botocore.session
import pytest
from botocore.loaders import create_loader
from hypothesis import HealthCheck, settings

from local.application.artefacts import Artefacts, build
from local.paths import DEFAULT_STACK, HOME, ROOT
from local.release.build import build_release
from local.servers.processes import Processes
from local.servers.stack import RunningStack
from local.servers.topic import create_topic
from local.steps import Steps
from tests.simulation.scale import FULL
from tests.support.shared import make_once, share_stack

# A slow machine or chance must not fail a test. `make prove` generates other examples in each run.
settings.register_profile("tests", deadline=None, derandomize=not FULL, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# A discarded producer renews its token until it is closed in the background. It can outlive its test, and then logs to
# an output that is closed
logging.raiseExceptions = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that `make test ALL=1` uses."""
    parser.addoption("--all", action="store_true", help="also run long tests, and those that need a toolchain")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip long tests, and those that need a toolchain, unless they are requested."""
    if config.getoption("--all"):
        return
    reasons = {
        "toolchain": "needs Java, Node, Go or Airflow: `make test ALL=1` runs it",
        "long": "takes long, and a shorter test checks most of it: `make test ALL=1` runs it",
    }
    for item in items:
        for name, reason in reasons.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", autouse=True)
def shared_loader() -> Iterator[None]:
    """Let all sessions of boto3 share the parsed service models. Parsing takes most of the time of many tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(create_loader))
        yield


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset all proxy variables, because the lower-case ones override those that a test sets."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory that all workers of this session share."""
    home = tmp_path_factory.getbasetemp()
    return home.parent if "PYTEST_XDIST_WORKER" in os.environ else home


@pytest.fixture(scope="session")
def artefacts(shared_home: Path) -> Artefacts:
    """Build the application once for all workers. Tests must not change the files."""
    return Artefacts.find(make_once(shared_home, "build", _build))


@pytest.fixture(scope="session")
def release(shared_home: Path) -> Path:
    """Build the release of this checkout once for all workers, and return its zip file."""
    (found,) = make_once(shared_home, "release", build_release).glob("*.zip")
    return found


def _build(directory: Path) -> None:
    processes = Processes(directory.with_name("sam-build"))
    try:
        build(processes, directory)
    finally:
        processes.end()


@pytest.fixture(scope="session")
def oldest_runtime() -> Path:
    """Install the oldest packages that Lambda's runtime can contain and an AWS CLI. Return their bin directory."""
    subprocess.run([sys.executable, ROOT / "local" / "bootstrap.py", "oldest"], check=True)  # noqa: S603 -- our own
    return HOME / "oldest" / "bin"


@pytest.fixture(scope="session")
def stack(shared_home: Path) -> Iterator[RunningStack]:
    """Start Kafka, a registry and AWS once for all workers.

    Each test must use its own names of topics, tables, buckets and CloudFormation stacks. A test that stops or pauses a
    server must start its own. With STACK=up, the tests use the stack of `make up`.
    """
    if os.environ.get("STACK") != "up":
        with share_stack(shared_home) as stack:
            yield stack
        return
    running = RunningStack.find(DEFAULT_STACK, Steps())
    assert running is not None, "no local stack is running; start one with `make up`"
    with running:
        yield running


@pytest.fixture(scope="session")
def topic(stack: RunningStack) -> Callable[..., str]:
    """Return a function that creates a topic, by default with one partition, and returns its name."""
    numbers, session = count(), uuid4().hex[:8]

    def make(partitions: int = 1) -> str:
        name = f"test-{session}-{next(numbers)}"
        create_topic(stack.kafka, name, partitions)
        return name

    return make
