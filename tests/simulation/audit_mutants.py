"""Mutants of the backfill with `missing_only`, each of which breaks a promise; see `mutants`."""

from feature_events.topic_index import entries
from tests.simulation.mutants import Mutant, edit

AUDIT_MUTANTS = (
    Mutant(
        "the index keeps the last event instead of the current one",
        "I15",
        (
            edit(entries, "_pack", "max(position.timestamp_ms, 0).to_bytes(8),", "bytes(8),"),
            edit(entries, "_pack", "(min(position.sequence, _LARGEST_SEQUENCE) + 1).to_bytes(17),", "bytes(17),"),
        ),
    ),
)
