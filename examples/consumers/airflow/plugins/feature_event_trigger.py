"""An Airflow trigger that fires for each FeatureAvailabilityEvent of a topic.

Airflow's shared streams commit offsets once the asset events are stored, so a killed triggerer loses no event. Messages
are decoded by the reader, not by the filter, because Airflow commits a message even if its filter raises an error.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.providers.apache.kafka.hooks.consume import KafkaConsumerHook
from airflow.providers.apache.kafka.triggers.shared_stream import (
    KafkaBrokerPayload,
    KafkaSharedStreamProducer,
    KafkaSharedStreamTrigger,
)
from airflow.triggers.base import TriggerEvent
from asgiref.sync import sync_to_async
from confluent_kafka import KafkaException, Message
from confluent_kafka.schema_registry import SchemaRegistryClient
from feature_event_payload import Payload, RegistryUnavailable, is_selected, to_payload

RETRY_SECONDS = 5.0
REGISTRY_TIMEOUT_SECONDS = 10

log = logging.getLogger(__name__)


class FeatureEventReader(KafkaSharedStreamProducer):
    """Reads the topic once for all watchers of a Kafka connection."""

    async def open_stream(self) -> AsyncIterator[tuple[Payload, KafkaBrokerPayload]]:
        """Yield the payload of each message, and the position to commit after it."""
        # Add your authentication here
        registry = SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY"], "timeout": REGISTRY_TIMEOUT_SECONDS})
        hook = KafkaConsumerHook(topics=self.topics, kafka_config_id=self.kafka_config_id)
        await self._ensure_manual_commit(hook)
        self._consumer = await sync_to_async(hook.get_consumer)()
        poll = sync_to_async(self._consumer.poll)
        while True:
            message = await poll(self.poll_timeout)
            if message is None:
                continue
            if message.error() is not None:
                raise KafkaException(message.error())
            payload = await self._decode(message, registry)
            yield payload, KafkaBrokerPayload(message.topic(), message.partition(), message.offset())

    async def _decode(self, message: Message, registry: SchemaRegistryClient) -> Payload:
        while True:
            try:
                return await sync_to_async(to_payload)(message, registry)
            except RegistryUnavailable as error:
                log.warning("schema registry unavailable (%s); retrying", error)
                await asyncio.sleep(RETRY_SECONDS)


class FeatureEventTrigger(KafkaSharedStreamTrigger):
    """Fires for events of the given types and resources, or of all resources if none is given.

    With the event type `feature_unavailable`, it also fires for removals.
    """

    def __init__(
        self,
        *,
        event_types: Sequence[str] = ("feature_available",),
        resources: Sequence[str] = (),
        **settings: Any,  # noqa: ANN401  # the signature of the base class
    ) -> None:
        super().__init__(**settings)
        self.event_types = list(event_types)
        self.resources = list(resources)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the dotted path and the arguments, from which the triggerer creates this trigger."""
        _, settings = super().serialize()
        return f"{__name__}.FeatureEventTrigger", {
            **settings,
            "event_types": self.event_types,
            "resources": self.resources,
        }

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> FeatureEventReader:
        """Create the reader from the arguments of a watcher."""
        ours = ("event_types", "resources")
        return FeatureEventReader(**{name: each for name, each in kwargs.items() if name not in ours})

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Payload]) -> AsyncIterator[TriggerEvent]:
        """Yield the asset events. An undecodable message becomes one too, so that a DAG run can fail because of it."""
        async for payload in shared_stream:
            if is_selected(payload, self.event_types, self.resources):
                yield TriggerEvent(payload)
