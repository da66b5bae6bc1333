"""Convert records and Changes to messages: what an item means, its event, its Avro, and its Kafka message.

This is the only way from a Change to a message. The stream, the backfill, the redrive and the local tools use it.
"""

from typing import NamedTuple

from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent, to_details, to_event
from feature_events.events.message import Message, to_message
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, Removals, read_entity_features
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.records.change import Change, Skipped, read_change
from feature_events.records.stream_record import StreamRecord


class Encoded(NamedTuple):
    """A Change, its message, and the values between them."""

    change: Change
    entity: EntityFeatures
    event: FeatureAvailabilityEvent
    message: Message


class Encoder(NamedTuple):
    """The layouts and the schema that Changes are encoded with."""

    layouts: TableLayouts
    features_mode: FeaturesMode
    prefix: bytes
    """The wire-format prefix, written before an event's Avro."""
    codec: Codec
    removals: Removals = "none"

    def encode_record(self, record: StreamRecord) -> Encoded | Skipped:
        """Encode one stream record, or return why it is skipped. See `encode`."""
        change = read_change(record, skips_removes=self.removals == "none")
        # Checking for Change is faster than for Skipped, which is an Enum
        return self.encode(change) if isinstance(change, Change) else change

    def encode(self, change: Change) -> Encoded | Skipped:
        """Encode one Change, or return why it is skipped.

        Raises:
            PoisonRecord: the Change cannot become an event.
            Misconfigured: no Change of its table can become an event until an operator changes a setting.

        """
        entity = read_entity_features(change, self.layouts, self.features_mode, self.removals)
        if not isinstance(entity, EntityFeatures):
            return entity
        event = to_event(entity, change)
        requested = self.codec.details
        values = event + to_details(change, entity, self.layouts, requested) if requested else event
        message = to_message(event, change, self.prefix + self.codec.encode(values))
        return Encoded(change, entity, event, message)
