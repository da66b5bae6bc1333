"""Process one batch: encode its records, publish their messages, and dead-letter what cannot become an event.

Every record ends up delivered, skipped, dead-lettered or undelivered. Lambda retries the undelivered ones.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from feature_events import metrics
from feature_events.deadline import Clock, Deadline
from feature_events.encoder import Encoded, Encoder
from feature_events.errors import Misconfigured, PoisonRecord, Undelivered
from feature_events.events.message import Message
from feature_events.failures.dead_letter_limit import DeadLetterLimit
from feature_events.failures.dead_letters import DeadLetters
from feature_events.kafka.delivery import Delivery
from feature_events.kafka.publisher import Publisher
from feature_events.logs import logger
from feature_events.outcome import BatchOutcome
from feature_events.records.change import Skipped
from feature_events.records.stream_record import StreamRecord, read_identity

# A batch is encoded and published in chunks, so that only the messages of one chunk are in memory. That saves 9 MiB in
# the largest batch that Lambda can pass
_CHUNK = 1_000


class Prepared(NamedTuple):
    """The encoded records of a chunk, by position in the batch and in its order."""

    messages: dict[int, Message]
    skipped: dict[int, Skipped]
    poison: dict[int, PoisonRecord]


class Pipeline(NamedTuple):
    """The steps of a batch: encode, publish, dead-letter."""

    encoder: Encoder
    publisher: Publisher
    dead_letters: DeadLetters
    limit: DeadLetterLimit
    now: Clock = time.time

    def run(self, records: Sequence[StreamRecord], deadline: Deadline) -> BatchOutcome:
        """Encode and publish a batch, and return the outcome of each record.

        Raises:
            Misconfigured: nothing can be published until an operator changes something, or the dead-letter limit blocks
                the first record.

        """
        return self._settle(BatchOutcome(records), partial(self.prepare, records), deadline)

    def publish(
        self,
        records: Sequence[StreamRecord],
        messages: Sequence[Message],
        deadline: Deadline,
        encoding_seconds: float = 0.0,
    ) -> BatchOutcome:
        """Publish a batch that is already encoded, as `run` does.

        Args:
            records: the batch.
            messages: the message of each record.
            deadline: when to stop.
            encoding_seconds: how long encoding the messages took.

        Raises:
            Misconfigured: see `run`.

        """

        def take(positions: range) -> Prepared:
            return Prepared({position: messages[position] for position in positions}, {}, {})

        outcome = BatchOutcome(records)
        outcome.serialization_seconds = encoding_seconds
        return self._settle(outcome, take, deadline)

    def prepare(self, records: Sequence[StreamRecord], positions: range) -> Prepared:
        """Encode the records at these positions.

        Raises:
            Misconfigured: no record can be encoded until an operator changes a setting.

        """
        prepared = messages, skipped, poison = Prepared({}, {}, {})
        encode = self.encoder.encode_record
        for position in positions:
            try:
                encoded = encode(records[position])
                if isinstance(encoded, Encoded):  # faster than for Skipped, which is an Enum
                    messages[position] = encoded.message
                else:
                    skipped[position] = encoded
            except PoisonRecord as error:
                # The traceback would keep this frame alive, which contains the error
                poison[position] = error.with_traceback(None)
        return prepared

    def _settle(self, outcome: BatchOutcome, prepare: Callable[[range], Prepared], deadline: Deadline) -> BatchOutcome:
        """Publish a batch and emit its metrics. Raise Misconfigured if the dead-letter limit blocks the shard."""
        try:
            self._publish_chunks(outcome, prepare, deadline)
        finally:
            metrics.emit(outcome.measure(self.now()), outcome.table, outcome.skipped, outcome.delivered_events)
            logger.info("batch handled", extra=outcome.counts())
        table = outcome.table
        if outcome.is_stopped:
            raise Misconfigured(
                f"the dead-letter limit of table {table} is reached: read the reasons in the dead letters; if a "
                "deployment made these records bad, roll it back; otherwise raise DeadLetterLimit (DEAD_LETTER_LIMIT)"
            )
        self.limit.give_back(table, outcome.settled)
        return outcome

    def _publish_chunks(self, outcome: BatchOutcome, prepare: Callable[[range], Prepared], deadline: Deadline) -> None:
        """Publish chunks until one is left unfinished."""
        positions = range(len(outcome.records))
        for start in positions[::_CHUNK]:
            chunk = positions[start : start + _CHUNK]
            try:
                self._publish_chunk(outcome, chunk, prepare, deadline)
            except Misconfigured as error:
                if not start:
                    raise
                # Earlier chunks must not be sent again. The next invocation starts with this chunk and fails
                logger.error("batch ended early", reason=str(error))
                return
            if outcome.first_undelivered in chunk:
                return  # Lambda retries it and all later records

    def _publish_chunk(
        self, outcome: BatchOutcome, chunk: range, prepare: Callable[[range], Prepared], deadline: Deadline
    ) -> None:
        """Publish a chunk, and dead-letter each bad record once every earlier record is settled.

        Before that, each retry of an earlier record would dead-letter the bad record again. Later records are sent once
        it is dead-lettered: if it stays in the stream, Lambda retries them with it, and they must not overtake it.
        """
        started = self.now()
        messages, skipped, poison = prepare(chunk)
        outcome.skip(skipped)
        outcome.count_messages(messages.values(), self.now() - started)
        positions, begin = list(messages), 0
        for position in (*poison, chunk.stop):
            end = bisect_left(positions, position)
            self._send(outcome, positions[begin:end], messages, deadline)
            if position == chunk.stop or outcome.first_undelivered != position:
                return
            if not self._dead_letter(outcome, position, poison[position], deadline):
                return
            if not deadline.remaining():
                logger.error("deadline exceeded while dead-lettering records", hint="check how long S3 takes")
                return
            begin = end

    def _send(
        self, outcome: BatchOutcome, positions: Sequence[int], messages: Mapping[int, Message], deadline: Deadline
    ) -> None:
        """Publish the messages at these positions."""

        def refuse(index: int, reason: str) -> bool:
            return self._dead_letter(
                outcome, positions[index], PoisonRecord(f"Kafka rejected the event: {reason}"), deadline
            )

        if not positions:
            return
        started = self.now()
        try:
            deliveries = self.publisher.publish([messages[position] for position in positions], deadline, refuse)
        finally:
            outcome.delivery_seconds += self.now() - started
        outcome.deliver(
            {
                position: messages[position].event_type
                for position, delivery in zip(positions, deliveries, strict=True)
                if delivery is Delivery.DELIVERED
            }
        )

    def _dead_letter(self, outcome: BatchOutcome, position: int, poison: PoisonRecord, deadline: Deadline) -> bool:
        """Dead-letter a bad record. Return True on success."""
        record = outcome.records[position]
        table, sequence_number, _ = read_identity(record)
        details = {"table": table, "sequence_number": sequence_number, "reason": str(poison)}
        if not self.limit.allows(table, sequence_number):
            logger.error("dead-letter limit reached", extra=details)
            outcome.withhold(position)
            return False
        try:
            key = self.dead_letters.put(record, poison, deadline)
        except Undelivered as error:
            logger.error("record not dead-lettered", obstacle=str(error), extra=details)
            return False
        logger.error("record dead-lettered", dead_letter=key, extra=details)
        self.limit.count(table, sequence_number)
        outcome.dead_letter(position)
        return True
