"""Test a redrive of thousands of dead letters to a real Kafka broker."""

from collections.abc import Callable

from feature_events.kafka.producer import DEFAULTS
from feature_events.kafka.publisher import Publisher
from local.servers.stack import RunningStack
from tests.simulation.scale import report, scaled
from tests.support.failures import PREFIX, Account, counts, in_memory, redriven
from tests.support.records import number_of, to_item, to_record, to_unreadable_record
from tests.support.topics import read_topic

LETTERS = scaled(600, 10_000)
POISON = LETTERS // 100
STALE = LETTERS // 200
GOOD = LETTERS - POISON - STALE
SECONDS = 10_000.0


def test_redrive__settles_every_dead_letter(stack: RunningStack, topic: Callable[..., str]) -> None:
    """Good records are sent once, poison and stale ones stay, and a second run changes nothing."""
    name = topic(3)
    with in_memory():
        account = Account(Publisher(name, {**DEFAULTS, "bootstrap.servers": stack.kafka}))
        records = [
            to_unreadable_record(number, entity=f"user-{number}")
            if number % 100 == 0
            else to_record(number, entity=f"user-{number}")
            for number in range(LETTERS)
        ]
        stale = {number for number in range(LETTERS) if number % 200 == 7}
        for number, record in enumerate(records):
            newer = to_record(LETTERS + number, entity=f"user-{number}", item=to_item(value=2))
            account.write(newer if number in stale else record)
        keys = account.put_dead_letters(*records)
        first = account.redrive(prefix=PREFIX, seconds=SECONDS)
        assert (first["complete"], counts(first)) == (
            True,
            {"delivered": GOOD, "poison": POISON, "stale": STALE, "moved": GOOD},
        )
        left = [number for number in range(LETTERS) if number % 100 == 0 or number in stale]
        archived = [number for number in range(LETTERS) if number not in set(left)]
        expected = sorted([keys[number] for number in left] + redriven([keys[number] for number in archived]))
        assert account.keys == expected

        second = account.redrive(prefix=PREFIX, seconds=SECONDS)
        assert (second["complete"], counts(second)) == (True, {"poison": POISON, "stale": STALE})
        assert account.keys == expected
    sent = sorted(dict(each.headers)["ce_sequence"].decode() for each in read_topic(stack.kafka, name))
    assert sent == [number_of(records[number]) for number in archived]
    report(
        "redrive",
        f"{LETTERS:,} dead letters: {GOOD:,} delivered once, {POISON} still poison and {STALE} stale left where they "
        "were; a second run sent nothing",
    )
