"""What must hold at any time, and what can be said of it by a partition's log alone."""

from collections.abc import Iterator, Sequence

from feature_events.records.stream_record import StreamRecord
from tests.support.modelled_kafka import Written
from tests.support.records import FIRST_NUMBER

INVARIANTS = {
    "I1": "every change is in the topic, in the dead letters, in the on-failure destination, or still in the stream",
    "I2": "the first appearances of an entity's changes in the topic are in stream order",
    "I3": "the same change has the same id and the same bytes, each time",
    "I4": "what is reported is the first record that was neither acknowledged, dead-lettered nor rightly skipped",
    "I5": "nothing is sent after the function has returned",
    "I6": "a good record is never dead-lettered",
    "I7": "the function answers before its timeout",
    "I8": "with the faults over, everything comes to its end without another failure",
    "I9": "no instance dead-letters more than the limit and its share of the events delivered",
    "I10": "nothing is dead-lettered before all that is ahead of it in its batch has come to an end",
    "I11": "a batch that begins with an event that the instance left unanswered is not sent before that is answered",
    "I12": "once a backfill is complete and the stream has drained, an item's last event tells its current state",
    "I13": "a backfilled message has the time at which its run began",
}


class Broken(AssertionError):
    """Invariants do not hold."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: not so: {INVARIANTS[name]}: {what}" for name, what in found.items()))
        self.invariants = frozenset(found)


def find_disorder(log: Sequence[Written]) -> Iterator[tuple[str, str]]:
    """The invariants of order and identity that a partition's log breaks, each with where it does."""
    firsts: dict[int, Written] = {}
    latest: dict[bytes, int] = {}
    for message in log:
        number = number_of(message)
        if number in firsts:
            if firsts[number] != message:
                yield "I3", str(number)
            continue
        firsts[number] = message
        if latest.get(message.key, -1) > number:
            yield "I2", f"{number} after {latest[message.key]}"
        latest[message.key] = number
    if len({dict(message.headers)["ce_id"] for message in firsts.values()}) < len(firsts):
        yield "I3", "two changes have one id"


def position_of(record: StreamRecord) -> int:
    """The number of a record's change."""
    return int(record["dynamodb"]["SequenceNumber"]) - FIRST_NUMBER


def number_of(message: Written) -> int:
    """The number of a message's change."""
    return int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER
