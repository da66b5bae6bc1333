"""Install a release, upgrade it to a later version, and roll it back, while items are written.

Kafka does not respond while the function changes, so a batch is in progress. The local stack kills the function's
process and repeats the batch. Lambda would let the invocation finish. tests/simulation changes versions in all other
states, and tests/template/test_upgrade.py compares the templates with those of each release.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from feature_events import VERSION
from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.deployment import Deployment
from local.demo.summary import read_function_log
from local.servers.kafka import Kafka
from local.servers.topic import TOPIC, Received
from tests.support.avro import read_avro
from tests.support.topics import read_topic
from tests.template.deployment import changes
from tests.template.deployment.account import NO_REGISTRY, Account, to_table_arn, wait_until
from tests.template.deployment.changes import TemplateSource
from tests.template.upgrade import REPLACEABLE

NAME = "upgraded"
ENTITIES = 4
LIMIT = "50"
"""The DeadLetterLimit of the application, which is not the default."""
BATCH = 10
"""Maximum number of records per invocation."""
PAUSE = 0.02
"""Time between two writes, in seconds."""
LATER = "9.0.0"
HANDLED = "batch handled"
BISECTS, LATER_BISECTS = "BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false"
AVRO = read_avro(SHIPPED_SCHEMA)


class Version(NamedTuple):
    """A version's name, and its two templates."""

    name: str
    application: TemplateSource
    attachment: TemplateSource
    bisects: bool
    """A setting of the mapping that differs between the versions."""


@pytest.fixture
def current(release: Path, package: Callable[[Path], TemplateSource], tmp_path: Path) -> Version:
    """Package the release, which is deployed first, and again by the rollback."""
    folder = unpack(release, tmp_path / "current")
    attachment = (folder / "table.yaml").read_text()
    return Version(VERSION, package(folder / "template.yaml"), {"TemplateBody": attachment}, bisects=True)


@pytest.fixture
def later(release: Path, package: Callable[[Path], TemplateSource], tmp_path: Path) -> Version:
    """Package a release with a higher version in its code, and an attachment with another setting."""
    folder = unpack(release, tmp_path / "later")
    set_version(folder / "function.zip", LATER)
    attachment = (folder / "table.yaml").read_text().replace(BISECTS, LATER_BISECTS)
    return Version(LATER, package(folder / "template.yaml"), {"TemplateBody": attachment}, bisects=False)


def unpack(release: Path, folder: Path) -> Path:
    """Unpack a release to this folder, and return the folder."""
    with zipfile.ZipFile(release) as archive:
        archive.extractall(folder)
    return folder


def set_version(code: Path, version: str) -> None:
    """Change the version in the archive of the function."""
    with zipfile.ZipFile(code) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    source = "feature_events/__init__.py"
    files[source] = files[source].replace(VERSION.encode(), version.encode())
    with zipfile.ZipFile(code, "w") as archive:
        for name, data in files.items():
            if not name.startswith("feature_events/__pycache__/__init__"):  # Python does not compare it with the source
                archive.writestr(name, data)


class Application:
    """An application, its attached table and its topic.

    Args:
        account: the account.
        kafka: the broker.
        version: the version that is deployed first.

    """

    def __init__(self, account: Account, kafka: Kafka, version: Version) -> None:
        self._account = account
        self._kafka = kafka
        ((self._table, self._stream),) = account.make_tables(1).items()
        parameters = NO_REGISTRY | {"TableArns": to_table_arn(self._stream), "TopicName": TOPIC}
        self._deployed = self.deploy(version, **parameters)
        self._attachment = account.attach(NAME, self._stream, BatchSize=str(BATCH))
        self.written = 0

    def deploy(self, version: Version, **parameters: str) -> Deployment:
        """Deploy this version of the application. Other parameters keep their values."""
        return self._account.deploy(NAME, {"KafkaBrokerUrl": self._kafka.bootstrap} | parameters, version.application)

    def attach(self, version: Version) -> None:
        """Deploy this version of the attachment. All parameters keep their values."""
        changes.deploy(self._account.stack, self._attachment, version.attachment, {})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write items one after another within the context. Each has one feature, whose name is the item's number."""
        stop = Event()

        def write() -> None:
            while not stop.wait(PAUSE):
                self._account.put(self._table, "device_id", f"{self.written % ENTITIES}", [f"{self.written}"])
                self.written += 1

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            try:
                yield
            finally:
                stop.set()
                writer.result()

    @contextmanager
    def paused_kafka(self) -> Iterator[None]:
        """Pause Kafka within the context, which begins when items wait."""
        self._kafka.pause()
        try:
            written = self.written
            wait_until(lambda: range(written, self.written), BATCH)
            yield
        finally:
            self._kafka.resume()

    def read_events(self) -> list[Received]:
        """Return the messages in the topic."""
        return read_topic(self._kafka.bootstrap, TOPIC)

    def wait_for_events(self, number: int) -> list[Received]:
        """Wait for the events of this many items, and return all messages."""
        wait_until(lambda: {read_number(event) for event in self.read_events()}, number)
        return self.read_events()

    def read_resources(self) -> dict[str, str]:
        """Return the physical ids of all resources that an upgrade must keep, by logical ids."""
        cloudformation = self._account.stack.clients.cloudformation
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for stack in (NAME, self._attachment)
            for each in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
            if each["ResourceType"] not in REPLACEABLE
        }

    def read_code(self) -> str:
        """Return the hash of the function's code."""
        code: str = self._account.read_function(self._deployed.function)["CodeSha256"]
        return code

    def assert_deployed(self, version: Version) -> None:
        """Assert that this version handles batches, and that parameters have their values."""
        variables = self._account.read_function(self._deployed.function)["Environment"]["Variables"]
        assert variables["DEAD_LETTER_LIMIT"] == LIMIT
        mapping = self._account.read_mappings(self._deployed)[self._stream]
        assert (mapping["BatchSize"], mapping["BisectBatchOnFunctionError"]) == (BATCH, version.bisects)
        self.wait_for_events(self.written + 1)  # also for one that is written after the deployment
        assert wait_until(lambda: self._read_versions(version.name), 1)

    def _read_versions(self, wanted: str) -> list[str]:
        """Return the version that handled the last batch, if it is this one."""
        lines = [line for line in read_function_log(self._account.stack.clients, NAME) if HANDLED in line]
        return [each for each in [json.loads(line)["version"] for line in lines[-1:]] if each == wanted]


def read_number(event: Received) -> int:
    """Return the number of an event's item."""
    (feature,) = AVRO.read(event.value[5:])["features"]
    return int(feature)


def assert_kept_promises(events: list[Received], written: int) -> None:
    """Assert that each item has an event, in order per entity, and that duplicates are few and equal."""
    firsts: dict[int, Received] = {}
    for event in events:
        first = firsts.setdefault(read_number(event), event)
        assert (event.key, event.value, event.timestamp_ms) == (first.key, first.value, first.timestamp_ms)
    assert sorted(firsts) == list(range(written))
    for entity in range(ENTITIES):
        numbers = [number for number in firsts if number % ENTITIES == entity]
        assert numbers == sorted(numbers)
    repeated = [number for number, count in Counter(map(read_number, events)).items() if count > 1]
    assert len(repeated) <= 2 * BATCH  # one batch in each direction


@pytest.fixture
def application(account: Account, kafka: Kafka, remove: Callable[[str], None], current: Version) -> Application:
    """Deploy the application, and then change one of its parameters."""
    remove(NAME)
    application = Application(account, kafka, current)
    application.deploy(current, DeadLetterLimit=LIMIT)
    return application


def test_upgrade_and_rollback__lose_nothing(application: Application, current: Version, later: Version) -> None:
    """Writes continue during both. The mapping keeps its position, and no resource is replaced."""
    resources, code = application.read_resources(), application.read_code()
    with application.writing():
        application.wait_for_events(5 * BATCH)  # a mapping that lost its position would repeat these
        with application.paused_kafka():
            application.deploy(later)
        application.attach(later)
        application.assert_deployed(later)
        assert application.read_code() != code
        assert application.read_resources() == resources

        application.attach(current)
        with application.paused_kafka():
            application.deploy(current)
        application.assert_deployed(current)
        assert application.read_code() == code
        assert application.read_resources() == resources
    events = application.wait_for_events(application.written)
    assert_kept_promises(events, application.written)
