"""Says how many records may be set aside in a row, so that a bad deploy does not empty a stream into the store.

A record that is bad by itself stands among good ones. Where nothing but bad ones come, the cause is the function, or a
writer that a person should know of, and every further record is better off in the stream.
"""


class DeadLetterLimit:
    """Of one table, an instance sets aside at most `most` records between two invocations that deliver an event.

    The next record stays in the stream with all behind it, and the invocation that has it first fails. Records are
    counted and not attempts, so that what Lambda delivers again does not count twice. The count outlives the
    invocation, so that halving a batch does not get past it; a new instance begins anew, but each must answer for a
    batch before Lambda goes on. It is kept per table, since one instance may serve a good stream beside a bad one.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._set_aside: dict[str | None, set[object]] = {}

    def allows(self, table: str | None, sequence_number: str | None) -> bool:
        """Whether this record may be set aside."""
        since = self._set_aside.get(table, set())
        return len(since) < self._most or sequence_number in since

    def count(self, table: str | None, sequence_number: str | None) -> None:
        """This record has been set aside."""
        # Two records without a number are never known to be the same
        self._set_aside.setdefault(table, set()).add(object() if sequence_number is None else sequence_number)

    def renew(self, table: str | None) -> None:
        """An event of this table has been delivered, so that the line works for it."""
        self._set_aside.pop(table, None)
