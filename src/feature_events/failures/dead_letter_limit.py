"""Says how many records may be dead-lettered, so that a bad deployment does not empty a stream into the store.

A record that is bad by itself stands among good ones. Where most are bad, the cause is the function, or a writer that a
person should know of, and every further record is better off in the stream.
"""

EVENTS_PER_DEAD_LETTER = 10
"""So many delivered events give one dead letter back: more than one bad record in eleven reaches the limit in time."""

# The largest batch that Lambda has: so many dead letters at most are in one retry
_MOST_KNOWN = 10_000


class _Account:
    """What one table has used of the limit."""

    def __init__(self) -> None:
        self.used = 0
        """In events: a dead letter takes as many as give one back."""
        self.known: dict[object, None] = {}
        """The sequence numbers of the latest dead letters, oldest first."""


class DeadLetterLimit:
    """Of each table an instance may dead-letter `most` records, and one more for every ten events that it delivers.

    At no time are more than `most` in hand. The next bad record stays in the stream with all behind it, and the
    invocation that has it first fails. So a table with a bad record now and then is never stopped; one of which nearly
    every record is bad is stopped, although an event is delivered here and there.

    What Lambda retries does not count twice. A dead letter is known by its sequence number. Of the events, only
    those before the first undelivered record are given back. The account outlives the invocation, so that
    halving a batch does not get past it. A new instance begins with `most`, or it could not dead-letter a lone bad
    record; but each must answer for a batch before Lambda goes on, so that no more than `most` are added by each start
    of an instance. The account is per table, since one instance may serve a good stream beside a bad one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._accounts: dict[str | None, _Account] = {}

    def allows(self, table: str | None, sequence_number: str | None) -> bool:
        """Whether this record may be dead-lettered."""
        account = self._accounts.get(table)
        if account is None or sequence_number in account.known:
            return True
        return account.used <= (self._most - 1) * EVENTS_PER_DEAD_LETTER

    def count(self, table: str | None, sequence_number: str | None) -> None:
        """This record has been dead-lettered."""
        account = self._accounts.setdefault(table, _Account())
        if sequence_number in account.known:
            return
        account.used += EVENTS_PER_DEAD_LETTER
        # Two records without a number are never known to be the same
        account.known[object() if sequence_number is None else sequence_number] = None
        if len(account.known) > _MOST_KNOWN:
            del account.known[next(iter(account.known))]

    def give_back(self, table: str | None, events: int) -> None:
        """So many events of this table have been delivered whose records Lambda will not retry."""
        account = self._accounts.get(table)
        if account is not None:
            account.used = max(0, account.used - events)
