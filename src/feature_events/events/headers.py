"""Makes the headers of an event: CloudEvents' Kafka binding in binary mode.

By them a consumer can route and filter without decoding.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.records.change import Change

type Headers = list[tuple[str, bytes]]

_SPECVERSION = ("ce_specversion", b"1.0")
_TYPE = ("ce_type", b"com.featurestore.events.feature_available")
_CONTENT_TYPE = ("content-type", b"application/avro")


def to_headers(event: FeatureAvailabilityEvent, change: Change) -> Headers:
    """The headers of this event.

    Raises:
        PoisonRecord: the table's ARN is not valid Unicode.

    """
    try:
        source = change.stream.table_arn.encode()
    except UnicodeEncodeError:
        raise PoisonRecord("eventSourceARN is not valid Unicode text") from None
    return [
        _SPECVERSION,
        ("ce_id", event.event_id.encode()),
        ("ce_source", source),
        _TYPE,
        ("ce_time", event.timestamp.encode()),
        ("ce_subject", f"{event.entity_type}/{event.entity_id}".encode()),
        ("ce_sequence", change.sequence_number.encode()),
        _CONTENT_TYPE,
    ]
