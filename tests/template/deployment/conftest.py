"""The account, and the end of what was made in it."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from local.servers.stack import Stack
from tests.template.deployment.account import WAIT, Account


@pytest.fixture(scope="session")
def account(stack: Stack) -> Account:
    """The account."""
    return Account(stack)


@pytest.fixture(autouse=True)
def policies(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which a deployed function made a call that its role does not allow."""
    yield
    if "account" in request.fixturenames:
        assert request.getfixturevalue("account").calls.take_denied() == []


@pytest.fixture
def remove(account: Account) -> Iterator[Callable[[str], None]]:
    """Removes stacks after the test, where it has not done so itself."""
    names: list[str] = []
    yield names.append
    for name in names:
        account.delete(name)


@pytest.fixture(scope="session")
def limit_size(account: Account) -> Callable[[str, int], None]:
    """Sets the largest batch that a topic takes, in bytes."""
    admin = AdminClient({"bootstrap.servers": account.stack.kafka})

    def limit(topic: str, size: int) -> None:
        entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(WAIT)

    return limit
