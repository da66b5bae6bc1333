"""The local AWS behaves like AWS where MiniStack does not."""

from typing import Any

import pytest

from local.servers.aws_server import convert_numbers, find_reported, retry_reported_records

RECORDS = [{"dynamodb": {"SequenceNumber": number}} for number in ("7", "8", "9")]


def report(*numbers: str) -> dict[str, Any]:
    """Return a response that reports these records."""
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


@pytest.mark.parametrize(
    ("response", "reported"),
    [
        (None, None),
        ("text", None),
        ({}, None),
        (report(), None),
        (report("8"), 1),
        (report("9", "8"), 1),
        (report(""), 0),
        (report("5"), 0),
    ],
)
def test_find_reported__returns_the_first_position(response: object, reported: int | None) -> None:
    """Lambda retries from the lowest reported record, and the whole batch for an unknown identifier."""
    assert find_reported(RECORDS, response) == reported


@pytest.mark.parametrize(
    ("result", "is_error", "skipped"),
    [
        ({"body": report("8")}, True, [1]),
        ({"body": report()}, False, []),
        ({"body": {"errorType": "Misconfigured"}, "error": True}, True, []),
    ],
    ids=["reported", "success", "error"],
)
def test_retry_reported_records__resumes_at_the_first_reported_record(
    result: dict[str, Any], *, is_error: bool, skipped: list[int]
) -> None:
    """Records before the reported one are not retried."""
    moved: list[int] = []
    execute = retry_reported_records(
        lambda _function, _event: result, lambda _function, _event, count: moved.append(count)
    )
    assert execute({}, {"Records": RECORDS}).get("error", False) is is_error
    assert moved == skipped


def test_convert_numbers__changes_only_texts_of_numbers() -> None:
    """CloudFormation resolves a parameter to a text, and a mapping needs a number."""
    updated: list[object] = []
    update = convert_numbers(lambda *arguments: updated.append(arguments))
    properties = {"BatchSize": "10", "MaximumRetryAttempts": "-1", "StartingPosition": "TRIM_HORIZON", "Enabled": True}
    update("uuid", {}, properties, "stack")
    assert updated == [("uuid", {}, properties | {"BatchSize": 10, "MaximumRetryAttempts": -1}, "stack")]
