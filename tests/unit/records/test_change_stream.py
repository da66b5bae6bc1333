"""A stream's ARN is cut up in one place."""

from feature_events.records.change import Stream, read_stream
from tests.support.records import STREAM_ARN


def test_to_stream__cuts_the_arn_up() -> None:
    """A stream's ARN names its table."""
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"
    assert read_stream(STREAM_ARN) == Stream(STREAM_ARN, table)
