"""Makes the pipeline of the settings, once per execution environment, before its first invocation.

It is apart from the handler, so that to import one function connects no other.
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
from feature_events.kafka.producer import OPEN_SECONDS
from feature_events.kafka.producer_properties import to_properties
from feature_events.kafka.publisher import Publisher
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.logs import logger
from feature_events.pipeline import Pipeline
from feature_events.registries.schema import find_schema
from feature_events.settings.settings import Settings, read_settings

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

START_SECONDS = 8.0
"""How long registry and Kafka may take at the start: Lambda gives it 10 seconds, of which the imports take some.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
"""

ANSWER_SECONDS = 5.0
"""Kept of an invocation's time to purge what is left, put one dead letter, and answer."""


@cache
def wire(client: str = "") -> tuple[Settings, Pipeline]:
    """The settings and their pipeline; an error is not remembered, so that the next invocation tries again.

    Args:
        client: what Kafka's client id ends with.

    """
    settings = read_settings(os.environ)
    start = Deadline(START_SECONDS)
    schema = find_schema(settings, start.remaining())
    log_each = logger.log_level == logging.DEBUG
    properties = to_properties(settings)
    properties = {**properties, "client.id": f"{properties['client.id']}{client}"}
    publisher = Publisher(settings.topic, properties, _to_authentication(settings), log_each=log_each)
    layouts = TableLayouts(settings.table_layouts)
    pipeline = Pipeline(
        Encoder(layouts, settings.features_mode, to_prefix(schema.id), Codec(schema.text)),
        publisher,
        DeadLetters(settings.failure_bucket, settings.dead_letter_prefix),
        DeadLetterLimit(settings.dead_letter_limit),
    )
    with contextlib.suppress(Undelivered):  # a batch waits longer for Kafka than the start does, and says so
        publisher.open(start.within(OPEN_SECONDS))
    return settings, pipeline


def _to_authentication(settings: Settings) -> "Authentication | None":
    """How to authenticate to Kafka; where it asks nobody, what that would need is not imported."""
    if settings.kafka_auth == "none":
        return None
    from feature_events.kafka.authentication import Authentication

    return Authentication(settings)
