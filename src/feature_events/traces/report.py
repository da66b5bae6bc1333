"""Report a trace. The report is only for the caller, because it identifies someone."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from feature_events.epoch import to_iso
from feature_events.records.change import Item, to_record_keys
from feature_events.topic.event import TopicEvent
from feature_events.traces.item import ItemState
from feature_events.traces.reading import Reading
from feature_events.traces.verdict import Judgement

MOST_EVENTS = 100
"""The maximum number of events in a report, because Lambda's responses are limited to 6 MB."""


class TraceReport(TypedDict):
    """The report of a trace."""

    table: str
    """The table's ARN."""
    key: Item
    """The item's key in DynamoDB's JSON."""
    verdict: str
    """`announced`, `missing`, `outdated` or `unjudged`."""
    reason: str
    """The reason for the verdict."""
    event: Mapping[str, Any] | None
    """The event that the item would produce now, without an id; None if it produces none."""
    no_event: str | None
    """Why the item produces no event: `absent`, `poison`, or the reason to skip it."""
    current: Mapping[str, Any] | None
    """The item's current event by the state rule, with its features."""
    events: Sequence[Mapping[str, Any]]
    """The last of the item's events by partition and offset, without their features."""
    events_found: int
    """The number of the item's events that were read."""
    since: str
    """Only an event whose message has this timestamp or a later one can be current."""
    partitions: int
    """The number of partitions of the topic."""
    read: Sequence[Mapping[str, int]]
    """The offsets of each partition that was read: the first (`from`), after the last one read (`to`), and the end."""
    complete: bool
    """True if these partitions were read to their end."""


def to_report(  # noqa: PLR0913, PLR0917  # the parts of a report
    table_arn: str,
    key: Item,
    state: ItemState,
    reading: Reading,
    current: TopicEvent | None,
    judgement: Judgement,
    since_ms: int,
) -> TraceReport:
    """Make the report of a trace."""
    event = None if state.event is None else state.event._asdict()
    return {
        "table": table_arn,
        "key": to_record_keys(key),
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "event": event and {name: value for name, value in event.items() if name != "event_id"},
        "no_event": state.obstacle or None,
        "current": current and {**_describe(current), "features": current.event.features},
        "events": [_describe(each) | {"current": each == current} for each in reading.events[-MOST_EVENTS:]],
        "events_found": len(reading.events),
        "since": to_iso(since_ms),
        "partitions": reading.partitions,
        "read": [
            {"partition": partition, "from": each.start, "to": reading.reached[partition], "end": each.stop}
            for partition, each in sorted(reading.ranges.items())
        ],
        "complete": reading.is_complete,
    }


def _describe(found: TopicEvent) -> dict[str, Any]:
    """Return the position and the fields of an event, without its features."""
    position, event = found.position, found.event
    return {
        "partition": position.partition,
        "offset": position.offset,
        "message_timestamp": to_iso(position.timestamp_ms),
        "sequence": None if position.sequence < 0 else str(position.sequence),
        "backfilled": found.is_backfilled,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "timestamp": event.timestamp,
        "compute_id": event.compute_id,
    }
