"""Limit how many records are dead-lettered, so that a bad deployment cannot empty a stream into the failure bucket.

An individual bad record is an exception among good ones. If most records are bad, the cause is the function
or a writer. An operator must act then, and until then the records are safer in the stream.
"""

EVENTS_PER_DEAD_LETTER = 10
"""The number of delivered events that allow one more dead letter.

If more than one record in eleven is bad, the limit is reached eventually.
"""

# Lambda's maximum batch size, and so the maximum number of dead letters that one retry can repeat
_MOST_KNOWN = 10_000


class _Account:
    """The used part of one table's limit."""

    def __init__(self) -> None:
        self.used = 0
        """In events: one dead letter counts as EVENTS_PER_DEAD_LETTER."""
        self.known: dict[object, None] = {}
        """The sequence numbers of the latest dead letters, oldest first."""


class DeadLetterLimit:
    """The limit of a function instance: for each table `most` dead letters, plus one per ten delivered events.

    Unused dead letters never add up to more than `most`. Once the limit is reached, the next bad record and all records
    after it stay in the stream. An invocation that starts with that record fails. So a table with an occasional bad
    record is never stopped. A table with almost only bad records is stopped, even if it delivers an event now and then.

    Records that Lambda retries count once. A dead letter is recognized by its sequence number. Events count only if
    they precede the first undelivered record.

    The limit outlives an invocation, so bisecting a batch does not get around it. A new instance starts with `most`
    dead letters, since it must be able to dead-letter a single bad record. Lambda waits for its response before it
    continues, so each new instance adds at most `most` dead letters. The limit is per table, since one instance can
    serve a good stream and a bad one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._accounts: dict[str | None, _Account] = {}

    def allows(self, table: str | None, sequence_number: str | None) -> bool:
        """Return whether this record may be dead-lettered."""
        account = self._accounts.get(table)
        if account is None or sequence_number in account.known:
            return True
        return account.used <= (self._most - 1) * EVENTS_PER_DEAD_LETTER

    def count(self, table: str | None, sequence_number: str | None) -> None:
        """Count a record that was dead-lettered."""
        account = self._accounts.setdefault(table, _Account())
        if sequence_number in account.known:
            return
        account.used += EVENTS_PER_DEAD_LETTER
        # Records without a number cannot be recognized, so each of them counts
        account.known[object() if sequence_number is None else sequence_number] = None
        if len(account.known) > _MOST_KNOWN:
            del account.known[next(iter(account.known))]

    def give_back(self, table: str | None, events: int) -> None:
        """Count delivered events whose records Lambda will not retry."""
        account = self._accounts.get(table)
        if account is not None:
            account.used = max(0, account.used - events)
