"""Announce the items of a page, and resend those that change during the send.

If an item is written between its scan and its send, the backfilled event is stale and may follow the newer live event.
So every sent item is re-read consistently, and resent if it differs, until none differs. Each item is then unchanged
after its last event was acknowledged, and the live event of any later write follows that event.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from feature_events.backfills.plan import Plan
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.pipeline import Pipeline
from feature_events.records.change import Item, Skipped, read_scanned_item
from feature_events.tables.comparison import are_equal
from feature_events.tables.table import Tables

_ROUNDS = 20
"""The maximum number of resends before the page is left to a later retry."""
_MANY = 10
"""If Kafka rejects every one of at least this many events, the cause is not their content."""
_FILTERED = "filtered"


class PageCounts(NamedTuple):
    """The outcome counts of a page."""

    delivered: int
    again: int
    skipped: Counter[str]
    poison: Counter[str]


class Announcer:
    """The announcer of a run's pages.

    Args:
        plan: the run's plan.
        pipeline: converts items to messages and publishes them.
        tables: re-reads items.
        delivery_seconds: the maximum time to wait for Kafka.
        attempt: the number of the segment's invocation.

    """

    def __init__(self, plan: Plan, pipeline: Pipeline, tables: Tables, delivery_seconds: float, attempt: int) -> None:
        self._plan = plan
        self._pipeline = pipeline
        self._tables = tables
        self._delivery_seconds = delivery_seconds
        self._attempt = attempt

    def announce(self, items: Sequence[Item], deadline: Deadline) -> PageCounts:
        """Announce these items.

        On return, Kafka has acknowledged or rejected every event, and no item has changed since its last event.

        Args:
            items: the items as scanned.
            deadline: the end of the invocation.

        Raises:
            Misconfigured: an operator must change something first.
            Undelivered: Kafka or DynamoDB did not respond in time.

        """
        announced = PageCounts(0, 0, Counter(), Counter())
        sent = self._send(items, 0, deadline, announced)
        delivered, again, rounds = len(sent), 0, 0
        while sent and not self._plan.request.dry_run:
            if rounds == _ROUNDS:
                raise Undelivered("items on this page keep changing: try again later")
            changed = self._find_changed(sent)
            rounds += 1
            sent = self._send(changed, rounds, deadline, announced._replace(skipped=Counter(), poison=Counter()))
            again += len(sent)
        return announced._replace(delivered=delivered + again, again=again)

    def _send(self, items: Sequence[Item], rounds: int, deadline: Deadline, counts: PageCounts) -> Sequence[Item]:
        """Publish the events of these items, and return the items whose events were acknowledged."""
        messages: list[Message] = []
        sources: list[Item] = []
        for item in items:
            message = self._encode(item, rounds, counts)
            if message is not None:
                messages.append(message)
                sources.append(item)
        if self._plan.request.dry_run or not messages:
            return sources
        deliveries = self._publish(messages, deadline, counts)
        return [item for item, each in zip(sources, deliveries, strict=True) if each is Delivery.DELIVERED]

    def _publish(self, messages: Sequence[Message], deadline: Deadline, counts: PageCounts) -> Sequence[Delivery]:
        """Publish messages, each of which Kafka acknowledges or rejects."""
        reasons: set[str] = set()

        def refuse(_: int, reason: str) -> bool:
            counts.poison[f"Kafka rejected the event: {reason}"] += 1
            reasons.add(reason)
            return True

        within = deadline.within(self._delivery_seconds)
        deliveries = self._pipeline.publisher.publish(messages, within, refuse)
        if Delivery.UNKNOWN in deliveries:
            raise Undelivered("Kafka did not acknowledge all events of a page: see the log; try again later")
        if len(messages) >= _MANY and set(deliveries) == {Delivery.REFUSED}:
            raise Misconfigured(
                f"Kafka rejected every event of a page ({', '.join(sorted(reasons))}): change the topic's settings and "
                "resume the run; if the cause is the messages' timestamp, which is the run's start, start a new run"
            )
        return deliveries

    def _encode(self, item: Item, rounds: int, counts: PageCounts) -> Message | None:
        plan = self._plan
        announcement = f"{plan.started_ms}/{self._attempt}/{rounds}"
        try:
            change = read_scanned_item(item, plan.table_arn, plan.key_names, plan.started_ms, announcement)
            encoded = self._pipeline.encoder.encode(change)
        except PoisonRecord as poison:
            counts.poison[str(poison)] += 1
            return None
        if isinstance(encoded, Skipped):
            counts.skipped[encoded] += 1
            return None
        if not _is_wanted(encoded.entity, plan.request.filter):
            counts.skipped[_FILTERED] += 1
            return None
        return encoded.message

    def _find_changed(self, sent: Sequence[Item]) -> Sequence[Item]:
        """Return the items that have changed since they were sent, as they are now."""
        names = self._plan.key_names
        keys = [_to_keys(item, names) for item in sent]
        now = {_to_key(item, names): item for item in self._tables.get_items(self._plan.table_arn, keys)}
        pairs = [(item, now.get(_to_key(item, names))) for item in sent]
        return [current for item, current in pairs if current is not None and not are_equal(item, current)]


def _is_wanted(entity: EntityFeatures, wanted: Mapping[str, str] | None) -> bool:
    return wanted is None or all(getattr(entity, name) == text for name, text in wanted.items())


def _to_keys(item: Item, names: Sequence[str]) -> Item:
    return {name: item[name] for name in names}


def _to_key(item: Item, names: Sequence[str]) -> str:
    return repr([item[name] for name in names])
