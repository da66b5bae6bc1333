"""Test storing checkpoints in the failure bucket."""

from collections.abc import Callable
from typing import Any

import pytest

from feature_events.backfills.checkpoints import Checkpoints, Progress
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from tests.support.backfills import to_plan
from tests.support.failures import BUCKET, Answers, FakeAccount

USE: dict[str, Callable[[Checkpoints], object]] = {
    "read_plan": lambda checkpoints: checkpoints.read_plan(),
    "write_plan": lambda checkpoints: checkpoints.write_plan(to_plan()),
    "read": lambda checkpoints: checkpoints.read(3),
    "write": lambda checkpoints: checkpoints.write(3, Progress()),
}


def test_write_plan__stores_all_fields(account: FakeAccount) -> None:
    """A worker in another execution environment reads the same plan."""
    plan = to_plan(dry_run=True, filter={"resource_name": "nightly"}, run="nightly-1")
    Checkpoints(BUCKET, "nightly-1").write_plan(plan)
    assert Checkpoints(BUCKET, "nightly-1").read_plan() == plan
    assert account.keys == ["backfills/nightly-1/plan.json"]


@pytest.mark.parametrize("name", ["id", "base64", "B", "S"])
@pytest.mark.parametrize(
    "key", [{"S": "user-1"}, {"S": "base64"}, {"N": "7"}, {"B": b"\x00\xff"}, {"B": b""}, {"S": "🦊 é"}]
)
def test_write__stores_keys_of_every_type_and_name(account: FakeAccount, name: str, key: Any) -> None:  # noqa: ANN401  # an attribute
    """A scan resumes with the key that DynamoDB returned. The name of a key attribute may be that of a type."""
    progress = Progress({name: key}, False, 7, 6, 1, {"no_features": 1}, {"not a map": 2}, 1.5)  # noqa: FBT003  # fields of Progress
    Checkpoints(BUCKET, "nightly-1").write(3, progress)
    assert Checkpoints(BUCKET, "nightly-1").read(3) == progress
    assert account.keys == ["backfills/nightly-1/3.json"]


@pytest.mark.usefixtures("account")
def test_read__returns_defaults_for_a_new_run() -> None:
    """A new run has no plan and no progress, whatever other runs have stored."""
    Checkpoints(BUCKET, "nightly-1").write(3, Progress(items=7))
    Checkpoints(BUCKET, "nightly-1").write_plan(to_plan())
    other = Checkpoints(BUCKET, "nightly-2")
    assert (other.read_plan(), other.read(3)) == (None, Progress())


@pytest.mark.parametrize("name", ["plan", "3"])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"text", b"7", b"[]", b'"text"', b"\xff", b"[" * 100_000, b'{"request": 7}', b'{"base64": 7}'),
        *(b'{"after": 7}', b'{"after": {"id": 7}}', b'{"after": {"id": {"B": 7}}}', b'{"after": {"id": {"B": "?"}}}'),
    ],
)
def test_read__rejects_other_objects(account: FakeAccount, name: str, body: bytes) -> None:
    """Any other object in the place of a checkpoint is an error, not a new segment."""
    key = f"backfills/nightly-1/{name}.json"
    account.put(key, body)
    with pytest.raises(
        Misconfigured, match=f"{key} is not a backfill checkpoint of this version: omit `run` to start a new run"
    ):
        USE["read_plan" if name == "plan" else "read"](Checkpoints(BUCKET, "nightly-1"))


@pytest.mark.parametrize(
    ("use", "operation", "action"),
    [
        ("read_plan", "GetObject", "s3:GetObject"),
        ("write_plan", "PutObject", "s3:PutObject"),
        ("read", "GetObject", "s3:GetObject"),
        ("write", "PutObject", "s3:PutObject"),
    ],
)
@pytest.mark.parametrize(("code", "error"), [("AccessDenied", Misconfigured), ("SlowDown", Undelivered)])
def test_checkpoints__report_a_missing_permission(  # noqa: PLR0913, PLR0917  # parameters
    answers: Answers, use: str, operation: str, action: str, code: str, error: type[FeatureEventsError]
) -> None:
    """The error names the permission. Errors that may be temporary are retried."""
    answers[operation] = code
    with pytest.raises(error, match=action if error is Misconfigured else "try again later"):
        USE[use](Checkpoints(BUCKET, "nightly-1"))
