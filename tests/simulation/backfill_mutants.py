"""Changes to the backfill that break its promise, to see that the invariants notice; see `mutants`."""

from feature_events.backfills.announcement import Announcer
from feature_events.backfills.work import Worker
from tests.simulation.backfill_ends import SeamTable
from tests.simulation.mutants import Mutant, edit, put

BACKFILL_MUTANTS = (
    Mutant(
        "what was sent is not read again",
        "I12",
        (edit(Announcer, "announce", "changed = self._find_changed(sent)", "changed = []"),),
    ),
    Mutant(
        "what is sent again is not read again",
        "I12",
        (edit(Announcer, "announce", "rounds + 1", "rounds + 1; sent = []"),),
    ),
    Mutant("what was sent is read from a replica", "I12", (put(SeamTable, "read", SeamTable.read_replica),)),
    Mutant(
        "a page is checkpointed before it is acknowledged",
        "I12",
        (
            edit(
                Worker,
                "_announce_page",
                "announced = announcer.announce(",
                "self.checkpoints.write(segment, progress._replace(after=page.after, is_complete=page.after is None)); "
                "announced = announcer.announce(",
            ),
        ),
    ),
    Mutant(
        "no acknowledgement counts as one",
        "I12",
        (edit(Announcer, "_publish", "if Delivery.UNKNOWN in deliveries:", "if not deliveries:"),),
    ),
    Mutant(
        "a message has its item's time",
        "I13",
        (
            edit(
                Announcer,
                "_encode",
                "encoder.encode(change)",
                "encoder.encode(change._replace(created_ms=None))",
            ),
        ),
    ),
)
