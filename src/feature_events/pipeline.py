"""The pipeline: stream records -> Changes -> EntityFeatures -> events -> Messages -> Deliveries -> Lambda's answer.

It is on one screen so that a reader sees every way that a record can go: delivered, skipped, dead-lettered, or back to
the stream.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from feature_events import metrics
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.codec import Codec
from feature_events.events.event import to_details, to_event
from feature_events.events.message import Message, to_headers, to_message
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.kafka.delivery import Delivery, Refuse
from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, read_entity_features
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.logs import logger
from feature_events.outcome import Outcome
from feature_events.records.change import Change, Skipped, read_change
from feature_events.records.stream_record import StreamRecord, read_identity

# So many records are read and their events published before the next are read, so that messages take no more memory
# than these need: 9 MiB less at the largest batch that an event can hold
_CHUNK = 1_000


class MessagePublisher(Protocol):
    """What the pipeline needs of a publisher; `kafka.publisher.Publisher` is the one on Kafka."""

    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """See `Publisher.publish`."""
        ...


class DeadLetterStore(Protocol):
    """What the pipeline needs of a dead-letter store; `failures.dead_letters.DeadLetters` is the one in S3."""

    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """See `DeadLetters.put`."""
        ...


class Prepared(NamedTuple):
    """What records are before anything is sent, by their positions in the batch, in order."""

    messages: dict[int, Message]
    skipped: dict[int, Skipped]
    bad: dict[int, PoisonRecord]


class Pipeline(NamedTuple):
    """The pipeline, with everything that it needs from outside."""

    layouts: TableLayouts
    features_mode: FeaturesMode
    prefix: bytes
    """What the wire format puts before an event's Avro."""
    codec: Codec
    publisher: MessagePublisher
    dead_letters: DeadLetterStore
    limit: DeadLetterLimit
    now: Clock = time.time

    def run(self, records: Sequence[StreamRecord], deadline: Deadline) -> Outcome:
        """Publishes the events of one batch and says what became of each record.

        Raises:
            Misconfigured: nothing can be published until a person changes something, or the first record would have
                to be dead-lettered above the limit.

        """
        outcome = Outcome(records)
        try:
            self._run_chunks(outcome, deadline)
        finally:
            metrics.emit(outcome.measure(self.now()), outcome.table, outcome.skipped)
            logger.info("batch handled", extra=outcome.counts())
        table = outcome.table
        if outcome.is_stopped:
            raise Misconfigured(
                f"the dead-letter limit of table {table} is reached: too many of its records are bad; read the reasons "
                "in the dead letters; undo the deployment that made these records bad, or, where they are bad by "
                "themselves, raise DEAD_LETTER_LIMIT"
            )
        self.limit.give_back(table, outcome.settled)
        return outcome

    def prepare(self, records: Sequence[StreamRecord], positions: range) -> Prepared:
        """A record's way to its message.

        Raises:
            Misconfigured: no record has a message until a setting is changed.

        """
        prepared = messages, skipped, bad = Prepared({}, {}, {})
        asked = self.codec.asks_for
        for position in positions:
            try:
                change = read_change(records[position])
                if not isinstance(change, Change):
                    skipped[position] = change
                    continue
                entity = read_entity_features(change, self.layouts, self.features_mode)
                if not isinstance(entity, EntityFeatures):
                    skipped[position] = entity
                    continue
                event = to_event(entity, change)
                avro = self.codec.encode(event + to_details(change, entity, self.layouts, asked) if asked else event)
                messages[position] = to_message(event, change, self.prefix + avro, to_headers(event, change))
            except PoisonRecord as poison:
                # Its frames would be kept otherwise, and refer to this one
                bad[position] = poison.with_traceback(None)
        return prepared

    def _run_chunks(self, outcome: Outcome, deadline: Deadline) -> None:
        """Publishes chunk after chunk until one comes to no end."""
        positions = range(len(outcome.records))
        for start in positions[::_CHUNK]:
            chunk = positions[start : start + _CHUNK]
            try:
                self._publish(outcome, chunk, deadline)
            except Misconfigured as error:
                if not start:
                    raise
                # What was sent is not to be sent again: the next invocation begins here, and fails
                logger.error("batch ended early", reason=str(error))
                return
            if outcome.first_undelivered in chunk:
                return  # what is behind it comes again with it

    def _publish(self, outcome: Outcome, chunk: range, deadline: Deadline) -> None:
        """Publishes the events of these records, and dead-letters a bad one when all before it has come to an end.

        Earlier, a bad record would be dead-lettered at each retry of what is before it. What is behind it is sent when
        it has been dead-lettered: otherwise that comes again with it, and must not overtake it.
        """
        started = self.now()
        messages, skipped, bad = self.prepare(outcome.records, chunk)
        outcome.skip(skipped)
        outcome.count_messages(messages.values(), self.now() - started)
        positions, begin = list(messages), 0
        for position in (*bad, chunk.stop):
            end = bisect_left(positions, position)
            self._send(outcome, positions[begin:end], messages, deadline)
            if position == chunk.stop or outcome.first_undelivered != position:
                return
            if not self._dead_letter(outcome, position, bad[position], deadline):
                return
            if not deadline.remaining():
                logger.error("deadline passed while records were dead-lettered", hint="see how long S3 takes")
                return
            begin = end

    def _send(
        self, outcome: Outcome, positions: Sequence[int], messages: Mapping[int, Message], deadline: Deadline
    ) -> None:
        """Publishes the messages at these positions."""

        def refuse(index: int, reason: str) -> bool:
            return self._dead_letter(outcome, positions[index], PoisonRecord(f"Kafka refuses it: {reason}"), deadline)

        if not positions:
            return
        started = self.now()
        try:
            deliveries = self.publisher.publish([messages[position] for position in positions], deadline, refuse)
        finally:
            outcome.delivery_seconds += self.now() - started
        outcome.deliver(
            [
                position
                for position, delivery in zip(positions, deliveries, strict=True)
                if delivery is Delivery.DELIVERED
            ]
        )

    def _dead_letter(self, outcome: Outcome, position: int, poison: PoisonRecord, deadline: Deadline) -> bool:
        """Puts a bad record into the dead-letter store; whether that worked."""
        record = outcome.records[position]
        table, sequence_number, _ = read_identity(record)
        about = {"table": table, "sequence_number": sequence_number, "reason": str(poison)}
        if not self.limit.allows(table, sequence_number):
            logger.error("dead-letter limit reached", extra=about)
            outcome.withhold(position)
            return False
        try:
            key = self.dead_letters.put(record, poison, deadline)
        except Undelivered as error:
            logger.error("record not dead-lettered", obstacle=str(error), extra=about)
            return False
        logger.error("record dead-lettered", dead_letter=key, extra=about)
        self.limit.count(table, sequence_number)
        outcome.dead_letter(position)
        return True
