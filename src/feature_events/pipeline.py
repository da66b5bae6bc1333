"""The line: stream records -> Changes -> events -> Messages -> Deliveries -> Lambda's answer.

It is on one screen so that a reader sees every way that a record can go: delivered, skipped, set aside, or back to the
stream.
"""

import operator
import time
from collections.abc import Sequence
from functools import partial
from itertools import compress
from typing import NamedTuple, Protocol

from feature_events import metrics
from feature_events.change import Skipped, StreamRecord, read_change, read_sequence_number, read_table_name
from feature_events.codec import Codec
from feature_events.dead_letter_limit import DeadLetterLimit
from feature_events.deadline import Clock, Deadline
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.event import FeaturesMode, to_event
from feature_events.layout import TableLayout
from feature_events.logs import logger
from feature_events.message import HeadersMode, Message, to_message
from feature_events.outcome import Outcome
from feature_events.publisher import Delivery, Refuse

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
            if outcome.a_delivered is not None:
                self.limit.renew(read_table_name(records[outcome.a_delivered]))  # a batch is of one stream
        finally:
            metrics.emit(figures.measure(outcome, self.now()), outcome.skipped)
            logger.info("batch handled", extra=outcome.counts())
        if outcome.withheld == 0:
            raise Misconfigured(
                f"nothing of table {read_table_name(records[0])} has been delivered since the dead-letter limit was "
                "reached: look at the reasons in the dead letters; undo the deployment that made these records bad, "
                "or, where they are bad by themselves, raise DEAD_LETTER_LIMIT"
            )
        return outcome

    def _publish(self, outcome: Outcome, portion: range, deadline: Deadline, figures: metrics.Figures) -> None:
        """Publishes the events of these records; what has been answered is not kept."""
        started = self.now()
        messages = self._to_messages(outcome, portion, deadline.halfway())
        positions = list(messages)

        def refuse(index: int, reason: str) -> bool:
            return self._set_aside(outcome, positions[index], PoisonRecord(f"Kafka refuses it: {reason}"), deadline)

        serialized = self.now()
        figures.add(messages.values(), serialized - started)
        try:
            deliveries = self.publisher.publish(list(messages.values()), deadline, refuse)
        finally:
            figures.delivery_seconds += self.now() - serialized
        outcome.deliver(list(compress(positions, map(_is_delivered, deliveries))))

    def _to_messages(self, outcome: Outcome, portion: range, deadline: Deadline) -> dict[int, Message]:
        """The messages to send, by the position of their record; up to a record that could not be set aside.

        Setting aside may take no more than its own deadline, or a slow store would leave no time to send what is
        before the bad records, in this invocation and in each that follows.
        """
        messages = {}
        for position, record in zip(portion, outcome.records[portion.start : portion.stop], strict=True):
            try:
                message = self.prepare(record)
            except PoisonRecord as poison:
                # What comes behind it will be delivered again with it, and must not overtake it
                if not self._set_aside(outcome, position, poison, deadline):
                    break
                continue
            if isinstance(message, Skipped):
                outcome.skip(position, message)
            else:
                messages[position] = message
        return messages

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
        table, sequence_number = read_table_name(record), read_sequence_number(record)
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
