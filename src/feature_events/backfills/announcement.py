"""Announce the items of a page, and resend those that change during the send.

If an item is written between its scan and its send, the backfilled event is stale and may follow the newer live event.
So every sent item is re-read consistently, and resent if its event differs, until none differs. Each item is then
unchanged after its last event was acknowledged, and the live event of any later write follows that event.

An item that changes in every round is counted instead. The live event of its latest write has a later message timestamp
than any backfilled event, so the live event is the current one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from feature_events.backfills.plan import Plan
from feature_events.deadline import Deadline
from feature_events.encoder import Encoded
from feature_events.errors import PoisonRecord, Undelivered
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.kafka.delivery import Delivery
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.pipeline import Pipeline
from feature_events.records.change import Item, Skipped, read_scanned_item
from feature_events.tables.table import Tables

_ROUNDS = 20
"""The maximum number of resends of a page."""
_FILTERED = "filtered"


class PageCounts(NamedTuple):
    """The outcome counts of a page."""

    delivered: int
    again: int
    skipped: Counter[str]
    poison: Counter[str]
    """Items that cannot become an event, by reason."""
    rejected: Counter[str]
    """Events that Kafka rejected, by reason."""
    still_changing: int
    verdicts: Counter[str]
    """With `missing_only`, the items by verdict."""
    candidates: tuple[str, ...] = ()
    """With `missing_only`, the names of the candidates that were stored for the next look."""


def make_counts() -> PageCounts:
    """Return the counts of an empty page."""
    return PageCounts(0, 0, Counter(), Counter(), Counter(), 0, Counter())


class Announced(NamedTuple):
    """An item and its event."""

    item: Item
    encoded: Encoded


class Announcer:
    """The announcer of a run's pages.

    Args:
        plan: the run's plan.
        pipeline: converts items to messages and publishes them.
        tables: re-reads items.
        delivery_seconds: the maximum time to wait for Kafka.
        worker: the number and the id of the invocation that works on the segment.

    """

    def __init__(self, plan: Plan, pipeline: Pipeline, tables: Tables, delivery_seconds: float, worker: str) -> None:
        self._plan = plan
        self._pipeline = pipeline
        self._tables = tables
        self._delivery_seconds = delivery_seconds
        self._worker = worker

    def announce(self, items: Sequence[Item], deadline: Deadline) -> PageCounts:
        """Announce these items.

        On return, Kafka has acknowledged or rejected every event. Each item's last event matches its current state,
        unless the item is counted as still changing.

        Args:
            items: the items as scanned.
            deadline: the end of the invocation.

        Raises:
            Misconfigured: an operator must change something first.
            Undelivered: Kafka or DynamoDB did not respond in time.

        """
        counts = make_counts()
        sent = self._publish(list(self.encode_items(items, counts)), deadline, counts.rejected)
        delivered, again, rounds, still_changing = len(sent), 0, 0, 0
        while sent and not self._plan.request.dry_run:
            changed = self._find_changed(sent, rounds + 1)
            if rounds == _ROUNDS:
                still_changing = len(changed)
                break
            rounds += 1
            sent = self._publish(changed, deadline, Counter())
            again += len(sent)
        return counts._replace(delivered=delivered + again, again=again, still_changing=still_changing)

    def encode_items(self, items: Sequence[Item], counts: PageCounts) -> Iterator[Announced]:
        """Encode scanned items, and count those without an event."""
        for item in items:
            try:
                encoded = self._encode(item, 0)
            except PoisonRecord as poison:
                counts.poison[str(poison)] += 1
                continue
            if isinstance(encoded, Encoded):
                yield Announced(item, encoded)
            else:
                counts.skipped[encoded] += 1

    def _encode(self, item: Item, rounds: int) -> Encoded | str:
        """Encode an item for this round of resends, or return why it is skipped."""
        plan = self._plan
        announcement = f"{plan.started_ms}/{self._worker}/{rounds}"
        change = read_scanned_item(item, plan.table_arn, plan.key_names, plan.started_ms, announcement)
        encoded = self._pipeline.encoder.encode(change)
        if isinstance(encoded, Skipped):
            return encoded
        return encoded if _is_wanted(encoded.entity, plan.request.filter) else _FILTERED

    def _publish(self, ready: Sequence[Announced], deadline: Deadline, rejected: Counter[str]) -> Sequence[Announced]:
        """Publish events, and return those that Kafka acknowledged. It rejected the others."""
        if self._plan.request.dry_run or not ready:
            return ready

        def refuse(_: int, reason: str) -> bool:
            rejected[reason] += 1
            return True

        within = deadline.within(self._delivery_seconds)
        messages = [each.encoded.message for each in ready]
        deliveries = self._pipeline.publisher.publish(messages, within, refuse)
        if Delivery.UNKNOWN in deliveries:
            raise Undelivered("Kafka did not acknowledge all events of a page: see the log; try again later")
        return [each for each, delivery in zip(ready, deliveries, strict=True) if delivery is Delivery.DELIVERED]

    def _find_changed(self, sent: Sequence[Announced], rounds: int) -> Sequence[Announced]:
        """Return the items whose event is no longer the one that was sent, with their event for the next round.

        Items that no longer have an event are left out. The live record of that write has none either, or it is a
        removal, which is later than any backfilled event.
        """
        names = self._plan.key_names
        keys = [{name: each.item[name] for name in names} for each in sent]
        now = {_to_key(item, names): item for item in self._tables.get_items(self._plan.table_arn, keys)}
        changed = []
        for each in sent:
            item = now.get(_to_key(each.item, names))
            if item is None or item == each.item:
                continue
            try:
                encoded = self._encode(item, rounds)
            except PoisonRecord:
                continue
            if isinstance(encoded, Encoded) and _without_id(encoded.event) != _without_id(each.encoded.event):
                changed.append(Announced(item, encoded))
        return changed


def _is_wanted(entity: EntityFeatures, wanted: Mapping[str, str] | None) -> bool:
    return wanted is None or all(getattr(entity, name) == text for name, text in wanted.items())


def _to_key(item: Item, names: Sequence[str]) -> str:
    return repr([item[name] for name in names])


def _without_id(event: FeatureAvailabilityEvent) -> FeatureAvailabilityEvent:
    """Return what an event says. DynamoDB may return the attributes of a map in another order."""
    return event._replace(event_id="", features=tuple(sorted(event.features)))
