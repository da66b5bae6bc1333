"""The line: stream records -> Changes -> events -> Messages -> Deliveries -> Lambda's answer.

It is on one screen so that a reader sees every way that a record can go: delivered, skipped, set aside, or back to the
stream.
"""

import operator
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import compress
from typing import NamedTuple, Protocol

from feature_events import metrics
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.codec import Codec
from feature_events.events.event import FeaturesMode, to_event
from feature_events.events.message import HeadersMode, Message, to_message
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.kafka.publisher import Delivery, Refuse
from feature_events.layouts.table_layout import TableLayout
from feature_events.logs import logger
from feature_events.outcome import Outcome
from feature_events.records.change import Skipped, read_change
from feature_events.records.position import StreamRecord, read_position

# So many records are read and their events published before the next are read, so that messages take no more memory
# than these need; a batch of Lambda is seldom larger
_PORTION = 1_000

_is_delivered = partial(operator.is_, Delivery.DELIVERED)


class MessagePublisher(Protocol):
    """What the line needs of a publisher; `publisher.Publisher` is the one on Kafka."""

    def publish(self, messages: Sequence[Message], deadline: Deadline, refuse: Refuse) -> Sequence[Delivery]:
        """See `publisher.Publisher.publish`."""
        ...


class DeadLetterStore(Protocol):
    """What the line needs of a dead-letter store; `dead_letters.DeadLetters` is the one in S3."""

    def put(self, record: StreamRecord, poison: PoisonRecord, deadline: Deadline) -> str:
        """See `dead_letters.DeadLetters.put`."""
        ...


class Pipeline(NamedTuple):
    """The line, with everything that it needs from outside."""

    layout: TableLayout
    features_mode: FeaturesMode
    headers: HeadersMode
    codec: Codec
    publisher: MessagePublisher
    dead_letters: DeadLetterStore
    limit: DeadLetterLimit
    now: Clock = time.time

    def run(self, records: Sequence[StreamRecord], deadline: Deadline) -> Outcome:
        """Publishes the events of one batch and says what became of each record.

        Raises:
            Misconfigured: nothing can be published until a person changes something, or the first record would have
                to be set aside above the limit.

        """
        outcome = Outcome(records)
        figures = metrics.Figures()
        try:
            for start in range(0, len(records), _PORTION):
                portion = range(len(records))[start : start + _PORTION]
                try:
                    self._publish(outcome, portion, deadline, figures)
                except Misconfigured as error:
                    if not start:
                        raise
                    # What was sent is not to be sent again: the next invocation begins here, and fails
                    logger.error("batch ended early", reason=str(error))
                    break
                if outcome.first_undelivered in portion:
                    break  # what is behind it comes again with it
        finally:
            metrics.emit(figures.measure(outcome, self.now()), outcome.skipped)
            logger.info("batch handled", extra=outcome.counts())
        tables = (read_position(record).table for record in records)
        table = next(filter(None, tables), None)  # a batch is of one stream
        if outcome.is_stopped:
            raise Misconfigured(
                f"the dead-letter limit of table {table} is reached: too many of its records are bad; read the reasons "
                "in the dead letters; undo the deployment that made these records bad, or, where they are bad by "
                "themselves, raise DEAD_LETTER_LIMIT"
            )
        self.limit.give_back(table, outcome.settled)
        return outcome

    def _publish(self, outcome: Outcome, portion: range, deadline: Deadline, figures: metrics.Figures) -> None:
        """Publishes the events of these records, and dead-letters a bad one when all before it has come to an end.

        Earlier, a bad record would be dead-lettered at each retry of what is before it. What is behind it is sent when
        it has been dead-lettered: otherwise that comes again with it, and must not overtake it.
        """
        started = self.now()
        messages, bad = self._to_messages(outcome, portion)
        figures.add(messages.values(), self.now() - started)
        positions, begin = list(messages), 0
        for position in (*bad, portion.stop):
            end = bisect_left(positions, position)
            self._send(outcome, positions[begin:end], messages, deadline, figures)
            if position == portion.stop or outcome.first_undelivered != position:
                return
            if not self._set_aside(outcome, position, bad[position], deadline):
                return
            if not deadline.remaining():
                logger.error("deadline passed while records were dead-lettered", hint="see how long S3 takes")
                return
            begin = end

    def _to_messages(self, outcome: Outcome, portion: range) -> tuple[dict[int, Message], dict[int, PoisonRecord]]:
        """The messages to send, and why there is none of a bad record; both by position, in order."""
        messages: dict[int, Message] = {}
        bad: dict[int, PoisonRecord] = {}
        for position, record in zip(portion, outcome.records[portion.start : portion.stop], strict=True):
            try:
                message = self.prepare(record)
            except PoisonRecord as poison:
                bad[position] = poison.with_traceback(None)  # or its frames would be kept, and refer to this one
                continue
            if isinstance(message, Skipped):
                outcome.skip(position, message)
            else:
                messages[position] = message
        return messages, bad

    def _send(
        self,
        outcome: Outcome,
        positions: Sequence[int],
        messages: Mapping[int, Message],
        deadline: Deadline,
        figures: metrics.Figures,
    ) -> None:
        """Publishes the messages at these positions."""

        def refuse(index: int, reason: str) -> bool:
            return self._set_aside(outcome, positions[index], PoisonRecord(f"Kafka refuses it: {reason}"), deadline)

        if not positions:
            return
        started = self.now()
        try:
            deliveries = self.publisher.publish(list(map(messages.__getitem__, positions)), deadline, refuse)
        finally:
            figures.delivery_seconds += self.now() - started
        outcome.deliver(list(compress(positions, map(_is_delivered, deliveries))))

    def prepare(self, record: StreamRecord) -> Message | Skipped:
        """The message of one record, or why there is none.

        Raises:
            PoisonRecord: it can never become an event.
            Misconfigured: none can until a setting is changed.

        """
        change = read_change(record)
        if isinstance(change, Skipped):
            return change
        event = to_event(change, self.layout, self.features_mode)
        if isinstance(event, Skipped):
            return event
        return to_message(event, change, self.codec, self.headers)

    def _set_aside(self, outcome: Outcome, position: int, poison: PoisonRecord, deadline: Deadline) -> bool:
        """Puts a refused record into the dead-letter store; whether that worked."""
        record = outcome.records[position]
        table, sequence_number = read_position(record).table, read_position(record).sequence_number
        about = {"table": table, "sequence_number": sequence_number, "reason": str(poison)}
        if not self.limit.allows(table, sequence_number):
            logger.error("dead-letter limit reached", extra=about)
            outcome.withhold(position)
            return False
        try:
            key = self.dead_letters.put(record, poison, deadline)
        except Undelivered as error:
            logger.error("record not set aside", obstacle=str(error), extra=about)
            return False
        logger.error("record set aside", dead_letter=key, extra=about)
        self.limit.count(table, sequence_number)
        outcome.set_aside(position)
        return True
