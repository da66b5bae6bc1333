"""Says which table a record's stream is of: what all records of a batch share."""

from functools import lru_cache
from typing import NamedTuple

from feature_events.aws.arn import to_table_arn

_STREAMS_KEPT = 64  # one function serves a few tables


class Stream(NamedTuple):
    """A DynamoDB stream, by its ARN."""

    arn: str
    table_arn: str


@lru_cache(_STREAMS_KEPT)
def to_stream(arn: str) -> Stream:
    """The stream of this ARN."""
    return Stream(arn, to_table_arn(arn))
