"""Mutants of the backfill with `missing_only`, each of which breaks a promise; see `mutants`."""

from feature_events.backfills.audit import FirstLook, SecondLook
from feature_events.topic_index import entries, index
from feature_events.topic_index.work import IndexWorker
from tests.simulation.mutants import Mutant, edit

AUDIT_MUTANTS = (
    Mutant(
        "the index keeps the last event instead of the current one",
        "I21",
        (
            edit(
                entries,
                "_pack",
                "return b",
                "position = position._replace(timestamp_ms=0, sequence=-1); return b",
            ),
        ),
    ),
    Mutant(
        "the merged index keeps the oldest event of an item",
        "I21",
        (
            edit(
                index,
                "merge_bucket",
                "number < len(entries) and entries[number].startswith(item)",
                "number > 1 and entries[number - 2].startswith(item)",
            ),
        ),
    ),
    Mutant(
        "items are compared without the compute id",
        "I21",
        (edit(entries, "_hash_statement", "(event_type, compute_id, ", "(event_type, "),),
    ),
    Mutant(
        "there is no second look",
        "I20",
        (
            edit(
                FirstLook,
                "process",
                "return counts._replace(",
                "self._announcement.make_announcer(progress).announce(differing, deadline); return counts._replace(",
            ),
        ),
    ),
    Mutant(
        "an item that has changed between two looks is settled",
        "I20",
        (edit(SecondLook, "process", "candidate.digest == self._digests[_to_text(candidate.keys)]", "True"),),
    ),
    Mutant(
        "a second look trusts a stream that is late",
        "I20",
        (edit(SecondLook, "process", "not self._comparison.is_behind and ", ""),),
    ),
    Mutant(
        "the checkpoint of a partition is written before its entries",
        "I20",
        (
            edit(
                IndexWorker,
                "_save",
                "progress, entries = batch.to_progress(), batch.entries",
                "progress, entries = batch.to_progress(), batch.entries; "
                "self.store.write_progress(self.look, partition, progress)",
            ),
        ),
    ),
)
