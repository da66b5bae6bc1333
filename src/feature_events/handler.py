"""Lambda's entry point: a batch of stream records in, the first undelivered one out.

What does not change between invocations is made once per execution environment, before the first of them.
"""

import contextlib
import gc
import logging
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.codec import Codec
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.producer import OPEN_SECONDS
from feature_events.kafka.properties import to_properties
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.table_layout import SEED
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.registries.schema import find_schema
from feature_events.settings import Settings, read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from feature_events.kafka.authentication import Authentication
    from feature_events.outcome import BatchResponse
    from feature_events.preflight.check import Report

_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000

START_SECONDS = 8.0
"""How long registry and Kafka may take at the start: Lambda gives it 10 seconds, of which the imports take some.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
"""

ANSWER_SECONDS = 5.0  # kept of an invocation's time to purge what is left, put one dead letter, and answer


@cache
def wire() -> tuple[Settings, Pipeline]:
    """The settings and the line made from them; an error is not remembered, so that the next invocation tries again."""
    settings = read_settings(os.environ)
    start = Deadline(START_SECONDS)
    codec = Codec(find_schema(settings, start.remaining()))
    log_each = logger.log_level == logging.DEBUG
    publisher = Publisher(settings.topic, to_properties(settings), _to_authentication(settings), log_each=log_each)
    dead_letters = DeadLetters(settings.dead_letter_bucket, settings.dead_letter_prefix)
    with contextlib.suppress(Undelivered):  # a batch waits longer for Kafka than the start does, and says so
        publisher.open(start.within(OPEN_SECONDS))
    limit = DeadLetterLimit(settings.dead_letter_limit)
    return settings, Pipeline(SEED, settings.features_mode, settings.headers, codec, publisher, dead_letters, limit)


def _to_authentication(settings: Settings) -> "Authentication | None":
    """How to authenticate to Kafka; where it asks nobody, what that would need is not imported."""
    if settings.kafka_auth == "none":
        return None
    from feature_events.kafka.authentication import Authentication

    return Authentication(settings)


def _check(context: "LambdaContext") -> "Report":
    """Tests everything on the way to Kafka, also where the function cannot start."""
    from feature_events.preflight import check

    return check.run_checks(os.environ, Deadline(context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS))


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> "BatchResponse | Report":
    """Publishes one batch of a DynamoDB stream; the answer names the first record that Lambda must deliver again.

    `{"check": true}` instead is answered with a report of what stands between the function and its first event.
    """
    if event.get("check") is True:
        return _check(context)
    settings, pipeline = wire()
    records = event.get("Records")
    if type(records) is not list:
        raise Misconfigured("the event has no Records: the function is for the stream of a DynamoDB table")
    remaining = context.get_remaining_time_in_millis() / 1000
    deadline = Deadline(min(settings.delivery_timeout_ms / 1000, remaining - ANSWER_SECONDS))
    return pipeline.run(records, deadline).response()


with contextlib.suppress(FeatureEventsError):  # the first invocation finds the same and can report it
    wire()

# A batch is up to hundreds of thousands of objects that are all in use: to look for garbage among them after every
# two thousand costs a tenth of the time, and finds none: the handler leaves none that refers to itself
gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
