"""The invariants of the simulation, and those that the log of a partition shows."""

from collections.abc import Iterator, Sequence

from feature_events.records.stream_record import StreamRecord
from tests.support.modelled_kafka import Written
from tests.support.records import FIRST_NUMBER

INVARIANTS = {
    "I1": "every change is in the topic, in the dead letters, in the on-failure destination, or still in the stream",
    "I2": "the first appearances of an entity's changes in the topic are in stream order",
    "I3": "the same change always has the same id and the same bytes",
    "I4": "the response names the first record that was not acknowledged, dead-lettered or skipped by design",
    "I5": "nothing is sent after the function has returned",
    "I6": "a valid record is never dead-lettered",
    "I7": "the function returns before its timeout",
    "I8": "after the faults have ended, every record is settled without another failure",
    "I9": "no instance dead-letters more than the limit and its share of the delivered events",
    "I10": "a record is dead-lettered only after every earlier record of its batch is settled",
    "I11": "if the instance left a batch's first event unanswered, it sends only that event until it is answered",
    "I12": "once a backfill is complete and the stream has drained, an item's last event describes its current state",
    "I13": "a backfilled message has the time of its run's start, rounded down to the second, minus one second",
    "I14": "I12 also holds for a consumer that drops every event whose id it has read before",
    "I15": "a worker announces an item once, and again only after a write that changes its event",
    "I16": "throttled reads and items that keep changing stop no worker, and the latter are counted",
    "I17": "a run announces every item that exists from its start to its end",
    "I18": "no backfilled event has the id of an earlier one",
    "I19": "a consumer that applies the state rule has the current state of every item whose last change has arrived",
    "I20": "a backfill with missing_only announces no item whose event is in the topic or on its way",
    "I21": "a backfill with missing_only finds every item whose event is missing or outdated, and announces it",
}


class Broken(AssertionError):
    """Broken invariants, by name."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name} ({INVARIANTS[name]}) is broken: {what}" for name, what in found.items()))
        self.invariants = frozenset(found)


def find_disorder(log: Sequence[Written]) -> Iterator[tuple[str, str]]:
    """Find violations of order and identity (I2, I3) in a partition's log, as pairs of invariant and place."""
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
        yield "I3", "two changes have the same id"


def position_of(record: StreamRecord) -> int:
    """Return the number of a record's change."""
    return int(record["dynamodb"]["SequenceNumber"]) - FIRST_NUMBER


def number_of(message: Written) -> int:
    """Return the number of a message's change."""
    return int(dict(message.headers)["ce_sequence"]) - FIRST_NUMBER
