"""AWS in memory, with a table of the default layout, and the errors that it is told to answer with."""

from collections.abc import Iterator

import pytest

from tests.support.doubles import FakePublisher
from tests.support.failures import Account, Answers, FakeAccount, in_memory, replace_answers


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """An account with a pipeline to a publisher that keeps what it is given."""
    with in_memory():
        yield Account(FakePublisher(message_max_bytes=1000))


@pytest.fixture
def answers(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Answers:  # noqa: ARG001  # once it is there
    """The errors that AWS answers with, by operation and a part of what it is on; none, to begin with."""
    return replace_answers(monkeypatch)
