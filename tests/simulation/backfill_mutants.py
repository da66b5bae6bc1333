"""Mutants of the backfill, each of which breaks a promise; see `mutants`."""

from feature_events import backfill
from feature_events.backfills import announcement
from feature_events.backfills.announcement import Announcer
from feature_events.backfills.work import Worker
from feature_events.tables.table import Tables
from tests.simulation.mutants import Edit, Mutant, edit, put


def _edit_announcement(text: str) -> Edit:
    """Change what an event's id contains of its announcement."""
    return edit(Announcer, "_encode", "{plan.started_ms}/{self._worker}/{rounds}", text)


BACKFILL_MUTANTS = (
    Mutant(
        "sent items are not read again",
        "I12",
        (edit(Announcer, "announce", "changed = self._find_changed(sent, rounds + 1)", "changed = []"),),
    ),
    Mutant(
        "items that are sent again are not read again",
        "I12",
        (edit(Announcer, "announce", "again += len(sent)", "again += len(sent); sent = []"),),
    ),
    Mutant(
        "sent items are read from a replica",
        "I12",
        (edit(Tables, "get_items", '"ConsistentRead": True', '"ConsistentRead": False'),),
    ),
    Mutant(
        "the keys that a throttled read left out are not read",
        "I12",
        (edit(Tables, "get_items", "keys = [*unread, *rest]", "keys = rest"),),
    ),
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
    Mutant("the id of a backfilled event lacks the round", "I14", (_edit_announcement("{self._worker}"),)),
    Mutant(
        "the id of a backfilled event lacks the attempt", "I14", (_edit_announcement("{plan.started_ms}/{rounds}"),)
    ),
    Mutant(
        "the id of a backfilled event lacks the run",
        "I18",
        (_edit_announcement("{self._worker}/{rounds}"),),
    ),
    Mutant(
        "an item whose features are listed in another order is sent again",
        "I15",
        (edit(announcement, "_without_id", "tuple(sorted(event.features))", "event.features"),),
    ),
    Mutant(
        "an item is sent again after any write",
        "I15",
        (edit(Announcer, "_find_changed", "_without_id(encoded.event) != _without_id(each.encoded.event)", "True"),),
    ),
    Mutant(
        "a throttled read ends the invocation, and its page is sent again",
        "I16",
        (edit(Tables, "_wait", "self._deadline.remaining() <= seconds", "seconds"),),
    ),
    Mutant(
        "an item that keeps changing ends the invocation",
        "I16",
        (edit(Announcer, "announce", "still_changing = len(changed)", "raise Undelivered('items keep changing')"),),
    ),
    Mutant(
        "items that keep changing are not counted",
        "I16",
        (edit(Announcer, "announce", "still_changing = len(changed)", "pass"),),
    ),
    Mutant(
        "a run takes over the plan of an earlier run of its name",
        "I17",
        (
            edit(backfill, "_plan", " if request.run else None", ""),
            put(backfill, "name_run", lambda execution, _: execution),
        ),
    ),
)
