"""Announces the items of one page, and again what was written meanwhile.

A write between the scan and the sending has a live event, which the older one that is sent here may be behind. So what
was sent is read again, consistently, and what differs is sent again, until nothing does: then the item was still so
after its event was acknowledged, and the live event of any later write comes behind it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from feature_events.backfills.checkpoints import Plan
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.kafka.delivery import Delivery
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.pipeline import Pipeline
from feature_events.records.change import Item, Skipped, read_scanned_item
from feature_events.tables.comparison import are_equal
from feature_events.tables.source_table import SourceTable

_ROUNDS = 20
"""How often what changed is sent again, before a page is left to a later try."""
_MANY = 10
"""So many events that it cannot be their own fault if Kafka refuses all of them."""
_FILTERED = "filtered"


class Announced(NamedTuple):
    """What became of the items of a page."""

    delivered: int
    again: int
    skipped: Counter[str]
    poison: Counter[str]


class Announcer:
    """Announces pages of one table.

    Args:
        plan: what the run does.
        pipeline: how items become messages, and where they go.
        table: where the items are.
        delivery_seconds: the longest to wait for Kafka.

    """

    def __init__(self, plan: Plan, pipeline: Pipeline, table: SourceTable, delivery_seconds: float) -> None:
        self._plan = plan
        self._pipeline = pipeline
        self._table = table
        self._delivery_seconds = delivery_seconds

    def announce(self, items: Sequence[Item], deadline: Deadline) -> Announced:
        """Announces these items; all that can be is acknowledged, and still so, when this returns.

        Args:
            items: as the table has them.
            deadline: the invocation's end.

        Raises:
            Misconfigured: nothing can be announced until a person changes something.
            Undelivered: Kafka or DynamoDB did not answer in time.

        """
        announced = Announced(0, 0, Counter(), Counter())
        sent = self._send(items, deadline, announced)
        delivered, again, rounds = len(sent), 0, 0
        while sent and not self._plan.request.dry_run:
            if rounds == _ROUNDS:
                raise Undelivered("the items of a page are written faster than they can be announced: try again later")
            changed = self._find_changed(sent)
            sent = self._send(changed, deadline, announced._replace(skipped=Counter(), poison=Counter()))
            again, rounds = again + len(sent), rounds + 1
        return announced._replace(delivered=delivered + again, again=again)

    def _send(self, items: Sequence[Item], deadline: Deadline, counts: Announced) -> Sequence[Item]:
        """Publishes the events of these items, and gives those that were acknowledged; counts the others."""
        messages: list[Message] = []
        sources: list[Item] = []
        for item in items:
            message = self._encode(item, counts)
            if message is not None:
                messages.append(message)
                sources.append(item)
        if self._plan.request.dry_run or not messages:
            return sources
        deliveries = self._publish(messages, deadline, counts)
        return [item for item, each in zip(sources, deliveries, strict=True) if each is Delivery.DELIVERED]

    def _publish(self, messages: Sequence[Message], deadline: Deadline, counts: Announced) -> Sequence[Delivery]:
        """What became of each message; none is left without an answer."""
        reasons: set[str] = set()

        def refuse(_: int, reason: str) -> bool:
            counts.poison[f"Kafka rejected the event: {reason}"] += 1
            reasons.add(reason)
            return True

        within = deadline.within(self._delivery_seconds)
        deliveries = self._pipeline.publisher.publish(messages, within, refuse)
        if Delivery.UNKNOWN in deliveries:
            raise Undelivered("Kafka did not acknowledge all events of a page: the log says why; try again later")
        if len(messages) >= _MANY and set(deliveries) == {Delivery.REFUSED}:
            raise Misconfigured(
                f"Kafka refuses every event of a page ({', '.join(sorted(reasons))}): change the topic's settings, "
                "then go on with the run; where they refuse the time of its messages, the run's start, begin another"
            )
        return deliveries

    def _encode(self, item: Item, counts: Announced) -> Message | None:
        plan = self._plan
        try:
            change = read_scanned_item(item, plan.table_arn, plan.key_names, plan.as_of_ms)
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
        """The items that are others now than when they were sent, as they are now."""
        names = self._plan.key_names
        now = {_to_key(item, names): item for item in self._table.read([_to_keys(item, names) for item in sent])}
        pairs = [(item, now.get(_to_key(item, names))) for item in sent]
        return [current for item, current in pairs if current is not None and not are_equal(item, current)]


def _is_wanted(entity: EntityFeatures, wanted: Mapping[str, str] | None) -> bool:
    return wanted is None or all(getattr(entity, name) == text for name, text in wanted.items())


def _to_keys(item: Item, names: Sequence[str]) -> Item:
    return {name: item[name] for name in names}


def _to_key(item: Item, names: Sequence[str]) -> str:
    return repr([item[name] for name in names])
