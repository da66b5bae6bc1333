"""Checkpoints are kept in the failure bucket as they were, and what is none there is one clear error."""

from collections.abc import Callable
from typing import Any

import pytest

from feature_events.backfills.checkpoints import Progress, StoredCheckpoints
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from tests.support.backfills import to_plan
from tests.support.failures import BUCKET, Answers, FakeAccount

USE: dict[str, Callable[[StoredCheckpoints], object]] = {
    "read_plan": lambda checkpoints: checkpoints.read_plan(),
    "write_plan": lambda checkpoints: checkpoints.write_plan(to_plan()),
    "read": lambda checkpoints: checkpoints.read(3),
    "write": lambda checkpoints: checkpoints.write(3, Progress()),
}


def test_write_plan__keeps_all_of_it(account: FakeAccount) -> None:
    """A worker in another execution environment does what the plan says."""
    plan = to_plan(dry_run=True, filter={"resource_name": "nightly"}, run="nightly-1")
    StoredCheckpoints(BUCKET, "nightly-1").write_plan(plan)
    assert StoredCheckpoints(BUCKET, "nightly-1").read_plan() == plan
    assert account.keys == ["backfills/nightly-1/plan.json"]


@pytest.mark.parametrize("key", [{"S": "user-1"}, {"N": "7"}, {"B": b"\x00\xff"}, {"B": b""}, {"S": "🦊 é"}])
def test_write__keeps_keys_of_every_type(account: FakeAccount, key: Any) -> None:  # noqa: ANN401  # an attribute
    """A scan goes on with the very key that DynamoDB gave."""
    progress = Progress({"id": key}, False, 7, 6, 1, {"no_features": 1}, {"not a map": 2}, 1.5)  # noqa: FBT003  # fields
    StoredCheckpoints(BUCKET, "nightly-1").write(3, progress)
    assert StoredCheckpoints(BUCKET, "nightly-1").read(3) == progress
    assert account.keys == ["backfills/nightly-1/3.json"]


@pytest.mark.usefixtures("account")
def test_read__of_what_was_not_begun() -> None:
    """A run has no plan then, and a segment is at its beginning; another run's are its own."""
    StoredCheckpoints(BUCKET, "nightly-1").write(3, Progress(items=7))
    StoredCheckpoints(BUCKET, "nightly-1").write_plan(to_plan())
    other = StoredCheckpoints(BUCKET, "nightly-2")
    assert (other.read_plan(), other.read(3)) == (None, Progress())


@pytest.mark.parametrize("name", ["plan", "3"])
@pytest.mark.parametrize(
    "body", [b"", b"text", b"7", b"[]", b'"text"', b"\xff", b"[" * 100_000, b'{"request": 7}', b'{"base64": 7}']
)
def test_read__refuses_what_is_no_checkpoint(account: FakeAccount, name: str, body: bytes) -> None:
    """Somebody's object in its place is said to be one, and not taken for a beginning."""
    key = f"backfills/nightly-1/{name}.json"
    account.put(key, body)
    with pytest.raises(Misconfigured, match=f"{key} is no checkpoint of a backfill: start a run of another name"):
        USE["read_plan" if name == "plan" else "read"](StoredCheckpoints(BUCKET, "nightly-1"))


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
def test_checkpoints__say_what_is_missing(  # noqa: PLR0913, PLR0917  # parameters
    answers: Answers, use: str, operation: str, action: str, code: str, error: type[FeatureEventsError]
) -> None:
    """A permission is named; what may work later is retried."""
    answers[operation] = code
    with pytest.raises(error, match=action if error is Misconfigured else "try again later"):
        USE[use](StoredCheckpoints(BUCKET, "nightly-1"))
