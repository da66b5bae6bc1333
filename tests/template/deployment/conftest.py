"""The account, the packaged application, and the removal of stacks."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from local.application.artefacts import CONFIG, SAM, Artefacts
from local.environment import REGION, make_aws_environment, make_tool_environment
from local.paths import ROOT, TOOLS
from local.servers.kafka import Kafka
from local.servers.stack import RunningStack
from local.servers.topic import TOPIC, create_topic
from tests.support.shared import make_once
from tests.template.deployment.account import WAIT, Account
from tests.template.deployment.changes import TemplateSource

PACKAGE_SECONDS = 300.0


@pytest.fixture(scope="session")
def package(stack: RunningStack) -> Callable[[Path], TemplateSource]:
    """Return a function that uploads what a template refers to, and returns the template that refers to the uploads."""
    bucket = f"packages-{uuid4().hex[:12]}"
    stack.clients.s3.create_bucket(Bucket=bucket)

    def package(template: Path) -> TemplateSource:
        key = f"{uuid4().hex}.yaml"
        output = stack.directory / key
        command = [
            *(TOOLS / "sam", "package", "--config-file", CONFIG, "--template-file", template),
            *("--s3-bucket", bucket, "--region", REGION, "--no-progressbar", "--output-template-file", output),
        ]
        environment = make_tool_environment({**make_aws_environment(stack.aws), "__SAM_CLI_APP_DIR": str(SAM)})
        stack.processes.start(f"sam-package-{key}", command, environment, ROOT).wait_for_success(PACKAGE_SECONDS)
        stack.clients.s3.put_object(Bucket=bucket, Key=key, Body=output.read_bytes())
        return {"TemplateURL": f"{stack.aws}/{bucket}/{key}"}

    return package


@pytest.fixture(scope="session")
def packaged(shared_home: Path, artefacts: Artefacts, package: Callable[[Path], TemplateSource]) -> TemplateSource:
    """Package the application once for all workers."""

    def make(directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "template.json").write_text(json.dumps(package(artefacts.template)))

    found: TemplateSource = json.loads((make_once(shared_home, "package", make) / "template.json").read_text())
    return found


@pytest.fixture(scope="session")
def account(stack: RunningStack, packaged: TemplateSource) -> Account:
    """Return the account."""
    return Account(stack, packaged)


@pytest.fixture(autouse=True)
def policies(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test if a deployed function made a call that its role does not allow."""
    yield
    if "account" in request.fixturenames:
        assert request.getfixturevalue("account").calls.take_denied() == []


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Start a broker that the tests can pause, with a topic of one partition."""
    with Kafka(tmp_path_factory.mktemp("kafka")) as kafka:
        create_topic(kafka.bootstrap, TOPIC, 1)
        yield kafka


@pytest.fixture
def remove(account: Account) -> Iterator[Callable[[str], None]]:
    """Return a function that takes the name of an application to delete after the test."""
    names: list[str] = []
    yield names.append
    for name in names:
        account.delete(name)


@pytest.fixture(scope="session")
def limit_size(account: Account) -> Callable[[str, int], None]:
    """Return a function that sets the largest record batch of a topic, in bytes."""
    admin = AdminClient({"bootstrap.servers": account.stack.kafka})

    def limit(topic: str, size: int) -> None:
        entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(WAIT)

    return limit
