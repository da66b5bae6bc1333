"""Upgrade a deployed application with an attached table, and roll it back, while items are written.

When the function's code or settings change, the local stack kills its process, even during an invocation, and repeats
the batch. Lambda lets an invocation finish. The local stack ignores partial responses, so tests/simulation shows what
happens to records that fail meanwhile. tests/template/test_upgrade.py compares the templates with those of releases.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import NamedTuple

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.artefacts import Artefacts
from local.application.attachment import TEMPLATE
from local.demo.summary import read_function_log
from local.servers.topic import Received
from tests.support.avro import read_avro
from tests.support.topics import read_topic
from tests.template.deployment import changes
from tests.template.deployment.account import Account, to_table_arn, wait_until
from tests.template.deployment.changes import TemplateSource
from tests.template.upgrade import REPLACEABLE

NAME = "upgraded"
ENTITIES = 4
LIMIT = "50"
"""The DeadLetterLimit of the application, which is not the default."""
BATCH = 10
"""Maximum number of records per invocation. An interrupted invocation repeats at most this many events."""
PAUSE = 0.02
"""Time between two writes, in seconds."""
INTERRUPTIONS = 4
"""Number of times that code or settings of the function change while items are written: both, in both directions."""
MESSAGE, LATER_MESSAGE = "batch handled", "batch handled by a later version"
BISECTS, LATER_BISECTS = "BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false"
AVRO = read_avro(SHIPPED_SCHEMA)


class Version(NamedTuple):
    """The two templates of a version, and a log message that shows which version handled a batch."""

    application: TemplateSource
    attachment: TemplateSource
    message: str
    bisects: bool
    """A setting of the mapping that differs between the versions."""


@pytest.fixture
def later(artefacts: Artefacts, package: Callable[[Artefacts], TemplateSource]) -> Iterator[Version]:
    """Package a copy of the application with other code, and an attachment with another setting."""
    copy = artefacts.template.parent.with_name("later-version")
    shutil.copytree(artefacts.template.parent, copy)
    for module in copy.glob("*/feature_events/pipeline.py"):
        module.write_text(module.read_text().replace(f'"{MESSAGE}"', f'"{LATER_MESSAGE}"'))
        shutil.rmtree(module.parent / "__pycache__")  # Python does not compare it with the changed source
    attachment = TEMPLATE.read_text().replace(BISECTS, LATER_BISECTS)
    yield Version(package(Artefacts.find(copy)), {"TemplateBody": attachment}, LATER_MESSAGE, bisects=False)
    shutil.rmtree(copy)


@pytest.fixture
def current(packaged: TemplateSource) -> Version:
    """Return the version that is deployed first, and again by the rollback."""
    return Version(packaged, {"TemplateBody": TEMPLATE.read_text()}, MESSAGE, bisects=True)


class Application:
    """An application, its attached table and its topic.

    Args:
        account: the account.
        topic: the name of the topic, which has one partition.
        version: the version that is deployed first.

    """

    def __init__(self, account: Account, topic: str, version: Version) -> None:
        self._account = account
        self._topic = topic
        ((self._table, self._stream),) = account.make_tables(1).items()
        arns = to_table_arn(self._stream)
        self._deployed = account.deploy(NAME, {"TopicName": topic, "TableArns": arns}, version.application)
        self._attachment = account.attach(NAME, self._stream, BatchSize=str(BATCH))
        self.written = 0

    def deploy(self, version: Version, **parameters: str) -> None:
        """Deploy this version of the application. Other parameters keep their values."""
        self._account.deploy(NAME, parameters, version.application)

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

    def read_events(self) -> list[Received]:
        """Return the messages in the topic."""
        return read_topic(self._account.stack.kafka, self._topic)

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
        assert wait_until(lambda: self._read_messages(version.message), 1)

    def _read_messages(self, message: str) -> list[str]:
        """Return the message about the last handled batch, if it is this one."""
        lines = [line for line in read_function_log(self._account.stack.clients, NAME) if MESSAGE in line]
        return [each for each in [json.loads(line)["message"] for line in lines[-1:]] if each == message]


def read_number(event: Received) -> int:
    """Return the number of an event's item."""
    (feature,) = AVRO.read(event.value[5:])["features"]
    return int(feature)


def assert_not_repeated(before: list[Received], events: list[Received]) -> None:
    """Assert that events that were settled in `before` do not appear later.

    An item that is followed by a full batch of others is in a batch that has ended.
    """
    settled = {number for number in map(read_number, before) if number <= max(map(read_number, before)) - BATCH}
    assert settled
    assert settled & {read_number(event) for event in events[len(before) :]} == set()


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
    assert len(events) - len(firsts) <= INTERRUPTIONS * BATCH


def test_upgrade_and_rollback__lose_nothing(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None], current: Version, later: Version
) -> None:
    """Writes continue during both. The mapping keeps its position, and no resource is replaced."""
    remove(NAME)
    application = Application(account, topic(), current)
    application.deploy(current, DeadLetterLimit=LIMIT)
    resources, code = application.read_resources(), application.read_code()
    with application.writing():
        before_upgrade = application.wait_for_events(2 * BATCH)
        application.deploy(later)
        application.attach(later)
        application.assert_deployed(later)
        assert application.read_code() != code
        assert application.read_resources() == resources

        before_rollback = application.read_events()
        application.attach(current)
        application.deploy(current)
        application.assert_deployed(current)
        assert application.read_code() == code
        assert application.read_resources() == resources
    events = application.wait_for_events(application.written)
    assert_kept_promises(events, application.written)
    assert_not_repeated(before_upgrade, events)
    assert_not_repeated(before_rollback, events)
