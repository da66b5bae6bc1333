"""Create the pipeline from the settings, once per execution environment.

This is not in the handler's module: importing that module creates the pipeline, and other functions must not do so.
"""

import contextlib
import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from feature_events.deadline import Deadline
from feature_events.encoder import Encoder
from feature_events.errors import Undelivered
from feature_events.events.codec import Codec
from feature_events.events.message import to_prefix
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.producer import OPEN_SECONDS, to_producer_properties
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

START_SECONDS = 8.0
"""The maximum time for registry and Kafka at the start. Lambda allows 10 seconds, including the imports.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
"""

ANSWER_SECONDS = 5.0
"""Time that an invocation reserves for purging messages, putting one dead letter, and the response."""


@cache
def wire(client: str = "") -> tuple[Settings, Pipeline]:
    """Return the settings and their pipeline. An error is not cached: the next invocation retries.

    Args:
        client: the suffix of Kafka's client id.

    """
    settings = read_settings(os.environ)
    start = Deadline(START_SECONDS)
    schema = find_schema(settings, start.remaining())
    log_each = logger.log_level == logging.DEBUG
    properties = to_producer_properties(settings)
    properties = {**properties, "client.id": f"{properties['client.id']}{client}"}
    publisher = Publisher(settings.topic, properties, make_authentication(settings), log_each=log_each)
    layouts = TableLayouts(settings.table_layouts)
    pipeline = Pipeline(
        Encoder(
            layouts,
            settings.features_mode,
            to_prefix(schema.id),
            Codec(schema.text, with_removals=settings.removals == "events"),
            settings.removals,
        ),
        publisher,
        DeadLetters(settings.failure_bucket, settings.dead_letter_prefix),
        DeadLetterLimit(settings.dead_letter_limit),
    )
    with contextlib.suppress(Undelivered):  # the first batch waits longer, and reports it
        publisher.open(start.within(OPEN_SECONDS))
    return settings, pipeline


def make_authentication(settings: Settings) -> "Authentication | None":
    """Return how to authenticate to Kafka. Without authentication, its modules are not imported."""
    if settings.kafka_auth == "none":
        return None
    from feature_events.kafka.authentication import Authentication

    return Authentication(settings)
