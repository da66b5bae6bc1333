"""A check passes, passes with a warning, or fails. A check that needs a failed one is skipped."""

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.preflight.check import Check, CheckRunner, Warned
from feature_events.preflight.kafka import _find_warnings


def fail() -> str:
    """Fail as a check does."""
    raise Misconfigured("correct it")


def test_check_runner__reports_the_status_of_each_check() -> None:
    """A warning does not fail the check, nor those that need it."""
    runner = CheckRunner(Deadline(60.0))
    runner.run(Check("a", lambda: "fine"), Check("b", lambda: Warned("poor")), Check("c", fail))
    runner.run(Check("d", lambda: "fine", ["b"]), Check("e", lambda: "fine", ["c"]))
    found = [(each["name"], each["ok"], each["status"]) for each in runner.results]
    assert found == [
        ("a", True, "ok"),
        ("b", True, "warning"),
        ("c", False, "failed"),
        ("d", True, "ok"),
        ("e", False, "failed"),
    ]


@pytest.mark.parametrize(
    ("replicas", "configuration", "words"),
    [
        (3, {"message.timestamp.type": "CreateTime", "min.insync.replicas": "2"}, []),
        (3, {}, []),
        (3, {"message.timestamp.type": "LogAppendTime"}, ["message.timestamp.type is LogAppendTime"]),
        (1, {}, ["the replication factor is 1"]),
        (3, {"min.insync.replicas": "1"}, ["min.insync.replicas is 1"]),
    ],
)
def test_find_warnings__names_what_to_change(replicas: int, configuration: dict[str, str], words: list[str]) -> None:
    """A value that could not be read is no reason to warn."""
    found = _find_warnings(replicas, configuration)
    assert [warning.partition(":")[0] for warning in found] == words
