"""AWS in memory, and the errors that it is told to answer with."""

from collections.abc import Iterator

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.support.doubles import FakePublisher
from tests.support.failures import Account, Answers, FakeAccount, in_memory


@pytest.fixture
def account() -> Iterator[FakeAccount]:
    """An account with a pipeline to a publisher that keeps what it is given."""
    with in_memory():
        yield Account(FakePublisher(message_max_bytes=1000))


@pytest.fixture
def answers(account: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> Answers:  # noqa: ARG001  # once it is there
    """The errors that AWS answers with, by operation and a part of what it is on; none, to begin with."""
    answers: Answers = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  # where every request passes

    def answer(client: object, name: str, parameters: object) -> object:
        for wanted, code in answers.items():
            operation, _, part = wanted.partition(" ")
            if operation == name and part in str(parameters):
                raise ClientError({"Error": {"Code": code}}, name)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return answers
