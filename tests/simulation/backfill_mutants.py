"""Mutants of the backfill, each of which breaks a promise; see `mutants`."""

from feature_events.backfills.announcement import Announcer
from feature_events.backfills.work import Worker
from tests.simulation.backfill_ends import SeamTable
from tests.simulation.mutants import Mutant, edit, put

BACKFILL_MUTANTS = (
    Mutant(
        "sent items are not read again",
        "I12",
        (edit(Announcer, "announce", "changed = self._find_changed(sent, rounds + 1)", "changed = []"),),
    ),
    Mutant(
        "items that are sent again are not read again",
        "I12",
        (edit(Announcer, "announce", "again += len(sent)", "sent = []"),),
    ),
    Mutant("sent items are read from a replica", "I12", (put(SeamTable, "get_items", SeamTable.get_replica_items),)),
    Mutant(
        "the checkpoint of a page is written before its acknowledgements",
        "I12",
        (
            edit(
                Worker,
                "_process_page",
                "announced = self.pages.process(",
                "self.checkpoints.write(segment, progress._replace(after=page.after, is_complete=page.after is None)); "
                "announced = self.pages.process(",
            ),
        ),
    ),
    Mutant(
        "a missing acknowledgement is ignored",
        "I12",
        (edit(Announcer, "_publish", "if Delivery.UNKNOWN in deliveries:", "if not deliveries:"),),
    ),
    Mutant(
        "a message has the time of its item",
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
