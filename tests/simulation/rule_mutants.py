"""Mutants of the state rule: of the consumer that applies it, and of what the functions must do for it."""

import math
from typing import Any

from feature_events import encoder
from feature_events.backfills import announcement
from feature_events.backfills.announcement import Announcer
from feature_events.encoder import Encoded
from feature_events.events import message
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.message import Message
from feature_events.layouts import entity_features
from feature_events.records.change import Change, read_scanned_item
from feature_events.redrives import run as redrive_run
from feature_events.redrives import staleness
from feature_events.redrives.run import Redrive
from feature_events.redrives.staleness import find_staleness
from feature_events.tables.table import Tables
from tests.simulation import state_reader
from tests.simulation.mutants import Mutant, edit, put
from tests.simulation.state_reader import Event, Position, State


def _order_by_text(event: Event) -> Position:
    return event.timestamp_ms, event.sequence or "", event.offset


def _order_by_sequence(event: Event) -> Position:
    return -1 if event.sequence is None else int(event.sequence), event.timestamp_ms, event.offset


def _order_by_offset(event: Event) -> Position:
    return event.timestamp_ms, float(event.offset), 0


def _order_backfills_last(event: Event) -> Position:
    return event.timestamp_ms, math.inf if event.sequence is None else int(event.sequence), event.offset


def _order_by_item(event: Event) -> Position:
    return event.timestamp, -1 if event.sequence is None else int(event.sequence), event.offset


def _use_time_of_item(event: FeatureAvailabilityEvent, change: Change, value: bytes) -> Message:
    is_live = change.sequence_number is not None
    return message.to_message(event, change._replace(created_ms=None) if is_live else change, value)


def _read_without_rounding(*arguments: Any) -> Change:  # noqa: ANN401  # those of read_scanned_item
    return read_scanned_item(*arguments)._replace(created_ms=arguments[3])


def _find_staleness_of_removed(encoded: Encoded, tables: Tables, *arguments: Any) -> str | None:  # noqa: ANN401  # its others
    is_removed = encoded.entity.removal and tables.get_item(encoded.change, 1.0) is None
    return "its item no longer exists" if is_removed else find_staleness(encoded, tables, *arguments)


def _find_opposite(encoded: Encoded, *arguments: Any) -> str | None:  # noqa: ANN401  # those of find_staleness
    found = find_staleness(encoded, *arguments)
    if encoded.entity.removal is None:
        return found
    return None if found else "its item has no features"


def _find_all(state: State, unit: tuple[str, ...]) -> dict[str, Event]:
    return dict(state.features.get(unit, {}))


RULE_MUTANTS = (
    Mutant("a consumer compares sequence numbers as text", "I19", (put(state_reader, "to_position", _order_by_text),)),
    Mutant(
        "a consumer compares sequence numbers before timestamps",
        "I19",
        (put(state_reader, "to_position", _order_by_sequence),),
    ),
    Mutant(
        "a consumer compares offsets before sequence numbers",
        "I19",
        (put(state_reader, "to_position", _order_by_offset),),
    ),
    Mutant(
        "a consumer prefers events without a sequence number",
        "I19",
        (put(state_reader, "to_position", _order_backfills_last),),
    ),
    Mutant("a consumer compares the times of items", "I19", (put(state_reader, "to_position", _order_by_item),)),
    Mutant("a live message has the time of its item", "I19", (put(encoder, "to_message", _use_time_of_item),)),
    Mutant(
        "a backfilled message has the exact start of its run",
        "I19",
        (put(announcement, "read_scanned_item", _read_without_rounding),),
    ),
    Mutant("a backfilled message has no allowance for skew", "I19", (put(message, "_CLOCK_SKEW_MS", 0),)),
    Mutant(
        "the id of a backfilled event is the same in each round",
        "I19",
        (edit(Announcer, "_encode", "/{rounds}", ""),),
    ),
    Mutant(
        "the id of a backfilled event is the same in each attempt",
        "I19",
        (edit(Announcer, "_encode", "/{self._worker}", ""),),
    ),
    Mutant(
        "the id of a backfilled event is the same in each run",
        "I19",
        (edit(Announcer, "_encode", "{plan.started_ms}/", ""),),
    ),
    Mutant(
        "a redrive skips removals",
        "I19",
        (
            edit(
                Redrive,
                "_encode",
                "if isinstance(encoded, Encoded):",
                "if isinstance(encoded, Encoded) and not encoded.entity.removal:",
            ),
        ),
    ),
    Mutant(
        "a removal is stale if its item does not exist",
        "I19",
        (put(redrive_run, "find_staleness", _find_staleness_of_removed),),
    ),
    Mutant(
        "a removal is stale unless its item has features",
        "I19",
        (put(redrive_run, "find_staleness", _find_opposite),),
    ),
    Mutant(
        "the removal of an unreadable item is skipped",
        "I19",
        (edit(entity_features, "_read_removal", "pass  #", "return Skipped.NO_FEATURES  #"),),
    ),
    Mutant(
        "an emptied item is skipped",
        "I19",
        (
            edit(
                entity_features,
                "_read_part_by_part",
                '_read_removal(change, fits, skipped) if removals == "events"',
                '_read_removal(change, fits, skipped) if removals == "none"',
            ),
        ),
    ),
)

ONE_FEATURE_MUTANTS = (
    Mutant("a removal names no features", "I19", (put(entity_features, "read_fixed_names", lambda _: ()),)),
)

CHANGED_MUTANTS = (
    Mutant("a removal applies only to the features that it names", "I19", (put(State, "find_features", _find_all),)),
    Mutant(
        "a record is stale if one of its features has changed",
        "I19",
        (
            edit(
                staleness, "_has_same_feature", "not set(changes.changed).issuperset", "set(changes.changed).isdisjoint"
            ),
        ),
    ),
)
