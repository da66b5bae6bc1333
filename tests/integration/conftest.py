"""AWS in memory, with a table of the default layout, and errors that it should return."""

from collections.abc import Iterator

import pytest

from tests.support.doubles import FakePublisher
from tests.support.failures import Account, Answers, FakeAccount, in_memory, replace_answers


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """Create an account whose pipeline publishes to a list."""
    with in_memory():
        yield Account(FakePublisher(message_max_bytes=1000))


@pytest.fixture
def answers(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Answers:  # noqa: ARG001  # it must exist
    """Return an empty mapping. Errors that are added to it are returned by AWS."""
    return replace_answers(monkeypatch)
