"""A record of GetRecords becomes one of Lambda's."""

from datetime import UTC, datetime

from tests.writers.stream_records import to_lambda_record

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/drivers/stream/2025-10-10T00:00:00.000"


def test_to_lambda_record__is_as_lambda_has_it() -> None:
    """Binary values are base64 at any depth, the time is in seconds, the id has no hyphens, and the stream is named."""
    head = {"eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1"}
    body = {"SequenceNumber": "7", "SizeBytes": 9, "StreamViewType": "NEW_IMAGE"}
    values = [{"B": b"\x20\x0c"}, {"B": b""}, {"N": "1.50"}, {"NULL": True}, {"BS": [b"\x00", b"\xff"]}]
    keys = {"id": {"B": b"key"}}
    given = {**body, "Keys": keys, "NewImage": {**keys, "values": {"M": {"all": {"L": values}}}}}
    time = datetime(2025, 10, 10, 12, 34, 57, tzinfo=UTC)
    record = {**head, "eventID": "c6e2adb1-0773-43a4-f1a8-a41e3442cfea", "dynamodb": given}
    given["ApproximateCreationDateTime"] = time
    text = [{"B": "IAw="}, {"B": ""}, {"N": "1.50"}, {"NULL": True}, {"BS": ["AA==", "/w=="]}]
    wanted_keys = {"id": {"B": "a2V5"}}
    image = {**wanted_keys, "values": {"M": {"all": {"L": text}}}}
    wanted = {**body, "ApproximateCreationDateTime": 1760099697, "Keys": wanted_keys, "NewImage": image}
    assert to_lambda_record(record, ARN) == {
        **head,
        "eventID": "c6e2adb1077343a4f1a8a41e3442cfea",
        "dynamodb": wanted,
        "eventSourceARN": ARN,
    }
