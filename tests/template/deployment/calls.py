"""Evaluate the deployed functions' calls to AWS with the policies that their roles had at the time of the call."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.template.iam_evaluation import Document
from tests.template.recorded_calls import RecordedCall, find_denied, read_call, to_rights


class Role(NamedTuple):
    """The policies of a function's role, and its account."""

    account: str
    documents: Sequence[Document]


class Calls:
    """The calls of the functions since this object was created.

    Args:
        file: the file in which the functions of the local stack record their calls.

    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = file.stat().st_size if file.exists() else 0
        self._roles: dict[str, Role] = {}
        self._open: list[RecordedCall] = []
        self._made: list[RecordedCall] = []
        self._denied: list[str] = []

    def follow(self, function: str, role: Role) -> None:
        """Evaluate later calls of this function with the policies of this role."""
        self._roles[function] = role

    def evaluate(self) -> None:
        """Evaluate the new calls.

        Calls of a function that `follow` does not know yet are evaluated later.
        """
        self._open += self._read_new()
        calls = [call for call in self._open if call.function in self._roles]
        self._open = [call for call in self._open if call.function not in self._roles]
        self._made += calls
        self._denied += [
            f"{call.function} is denied {right.action} on {right.resource} {dict(right.context) or ''}".rstrip()
            for call in calls
            for right in find_denied(self._roles[call.function].documents, [call], self._roles[call.function].account)
        ]

    def take_denied(self) -> list[str]:
        """Return the permissions that new calls lacked."""
        self.evaluate()
        denied, self._denied = self._denied, []
        return denied

    def read(self, function: str) -> list[RecordedCall]:
        """Return all calls of a function."""
        self.evaluate()
        return [call for call in self._made if call.function == function]

    def read_actions(self, function: str) -> set[str]:
        """Return the actions that the calls of a function require."""
        account = self._roles[function].account
        return {right.action for call in self.read(function) for right in to_rights(call, account)}

    def get_role(self, function: str) -> Role:
        """Return the role of a function."""
        return self._roles[function]

    def _read_new(self) -> Iterator[RecordedCall]:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            written, _, _ = file.read().rpartition(b"\n")
        if written:
            self._read += len(written) + 1
            yield from map(read_call, written.decode().splitlines())
