"""Trace one item: read it, read the topic, and judge whether the topic says what the item says."""

import time
from typing import TYPE_CHECKING

from feature_events.deadline import Deadline
from feature_events.encoder import Encoder
from feature_events.epoch import to_epoch_ms
from feature_events.records.change import Item
from feature_events.settings.settings import Settings
from feature_events.tables.table import Tables, describe_table
from feature_events.topic.event import EventDecoder, TopicEvent, make_schema_reader
from feature_events.topic.reader import TopicReader
from feature_events.topic_index.judge import Verdict
from feature_events.traces.item import ABSENT, ItemState, read_state
from feature_events.traces.reading import Reading, read_events
from feature_events.traces.report import TraceReport, to_report
from feature_events.traces.request import TraceRequest, read_key
from feature_events.traces.verdict import Judgement, judge

if TYPE_CHECKING:
    from feature_events.kafka.authentication import Authentication

_NOTHING = Reading((), {}, {}, 0, None)
"""The reading if no layout matches the item: its entity is unknown, so its events cannot be found."""

_RECENT_MS = 60_000
"""The event of an item that was written so recently may still be on its way."""


def trace_item(
    request: TraceRequest,
    settings: Settings,
    encoder: Encoder,
    authentication: "Authentication | None",
    end: Deadline,
) -> TraceReport:
    """Trace one item.

    The item is read before the ends of the partitions are found. So the topic may be newer than the item, and then the
    item is read again.

    Args:
        request: the request.
        settings: the function's settings.
        encoder: the function's encoder.
        authentication: how to authenticate to Kafka, if the brokers require it.
        end: the end of the invocation.

    Raises:
        Misconfigured: the table does not exist, the key does not match it, or a permission or a setting is wrong.
        Undelivered: DynamoDB, Kafka or the registry did not respond.

    """
    deadline = end.within(request.seconds)
    table, tables = describe_table(request.table), Tables(deadline=deadline)
    key = read_key(request.key, table)
    item, now_ms = _read_item(tables, table.arn, key), time.time_ns() // 1_000_000
    state = read_state(item, key, table, encoder, now_ms)
    reading = _NOTHING
    if state.identity is not None:
        decoder = EventDecoder(table.arn, make_schema_reader(settings))
        with TopicReader(settings, authentication, deadline) as reader:
            reading = read_events(state.identity, request, reader, decoder, deadline)
    current = reading.find_current(request.since_ms)
    judgement = _judge(state, reading, current, settings, now_ms)
    is_final = judgement.verdict is Verdict.ANNOUNCED or not reading.is_complete
    if not is_final and _read_item(tables, table.arn, key) != item:
        judgement = Judgement(Verdict.UNJUDGED, "the item was written during the trace: trace it again")
    return to_report(table.arn, key, state, reading, current, judgement, request.since_ms)


def _read_item(tables: Tables, table_arn: str, key: Item) -> Item | None:
    return next(iter(tables.get_items(table_arn, [key])), None)


def _judge(
    state: ItemState, reading: Reading, current: TopicEvent | None, settings: Settings, now_ms: int
) -> Judgement:
    if state.identity is None:
        reason = "the item does not exist, and no layout matches its key"
        return Judgement(Verdict.UNJUDGED, reason if state.obstacle == ABSENT else "no layout matches the item")
    if not reading.is_complete:
        reason = "the topic was not read to its end in time: trace with a later `since` or with more `seconds`"
        return Judgement(Verdict.UNJUDGED, reason)
    judgement = judge(
        state, current and current.event, reading.known_since_ms, settings.features_mode, settings.removals
    )
    if state.event is None or judgement.verdict not in (Verdict.MISSING, Verdict.OUTDATED):
        return judgement
    notes = [judgement.reason]
    if state.has_own_time and abs(now_ms - to_epoch_ms(state.event.timestamp)) < _RECENT_MS:  # clocks may differ
        notes.append("it was written less than a minute ago, so its event might not have arrived yet")
    if len(reading.ranges) < reading.partitions:
        notes.append("if partitions were added after `since`, trace with `all_partitions`")
    return judgement._replace(reason="; ".join(notes))
