"""Says which table a record's stream is of, and what its view type must be: what all records of a batch share."""

from functools import lru_cache
from typing import NamedTuple

from feature_events.aws.arn import to_table_arn
from feature_events.errors import Misconfigured

_STREAMS_KEPT = 64  # one function serves a few tables

WITHOUT_NEW_IMAGES = ("KEYS_ONLY", "OLD_IMAGE")
"""View types of streams that no event can be made from."""


class Stream(NamedTuple):
    """A DynamoDB stream, by its ARN."""

    arn: str
    table_arn: str


@lru_cache(_STREAMS_KEPT)
def to_stream(arn: str) -> Stream:
    """The stream of this ARN."""
    return Stream(arn, to_table_arn(arn))


def to_new_images_error(view: str) -> Misconfigured:
    """What to change where a stream has one of the view types without new images."""
    return Misconfigured(
        f"the table's stream has view type {view}, which carries no new images: "
        "set StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES"
    )


def to_old_images_error() -> Misconfigured:
    """What to change where a stream carries no old images and only changed features are to be named."""
    return Misconfigured(
        "FEATURES_MODE is changed, which needs the old image of each MODIFY: "
        "set the stream's StreamViewType to NEW_AND_OLD_IMAGES, or FEATURES_MODE to all"
    )
