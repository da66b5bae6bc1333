"""The account, and the end of what was made in it."""

from collections.abc import Callable, Iterator

import pytest

from local.servers.stack import Stack
from tests.template.deployment.account import Account


@pytest.fixture(scope="session")
def account(stack: Stack) -> Account:
    """The account."""
    return Account(stack)


@pytest.fixture
def remove(account: Account) -> Iterator[Callable[[str], None]]:
    """Removes stacks after the test, where it has not done so itself."""
    names: list[str] = []
    yield names.append
    for name in names:
        account.delete(name)
