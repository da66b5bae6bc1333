"""Lambda's entry point: a batch of stream records in, the first undelivered one out.

What does not change between invocations is made once per execution environment, before the first of them.
"""

import contextlib
import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from feature_events.codec import Codec
from feature_events.dead_letters import DeadLetters
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.layout import SEED
from feature_events.logs import logger
from feature_events.outcome import BatchResponse
from feature_events.pipeline import Pipeline
from feature_events.publisher import OPEN_SECONDS, Publisher, to_properties
from feature_events.registry import find_schema
from feature_events.settings import Settings, read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ANSWER_SECONDS = 5.0  # kept of an invocation's time to purge what is left, put one dead letter, and answer


@cache
def wire() -> tuple[Settings, Pipeline]:
    """The settings and the line made from them; an error is not remembered, so that the next invocation tries again."""
    settings = read_settings(os.environ)
    codec = Codec(find_schema(settings))
    publisher = Publisher(settings.topic, to_properties(settings), log_each=logger.log_level == logging.DEBUG)
    dead_letters = DeadLetters(settings.dead_letter_bucket, settings.dead_letter_prefix)
    with contextlib.suppress(Undelivered):  # a batch waits longer for Kafka than the start does, and says so
        publisher.open(Deadline(OPEN_SECONDS))
    return settings, Pipeline(SEED, settings.features_mode, settings.headers, codec, publisher, dead_letters)


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> BatchResponse:
    """Publishes one batch of a DynamoDB stream; the answer names the first record that Lambda must deliver again."""
    settings, pipeline = wire()
    records = event.get("Records")
    if type(records) is not list:
        raise Misconfigured("the event has no Records: the function is for the stream of a DynamoDB table")
    remaining = context.get_remaining_time_in_millis() / 1000
    deadline = Deadline(min(settings.delivery_timeout_ms / 1000, remaining - ANSWER_SECONDS))
    return pipeline.run(records, deadline).response()


with contextlib.suppress(FeatureEventsError):  # the first invocation finds the same and can report it
    wire()
