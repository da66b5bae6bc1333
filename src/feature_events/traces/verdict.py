"""Judge whether the topic says what an item says."""

from typing import NamedTuple

from feature_events.epoch import to_epoch_ms, to_iso
from feature_events.events.event import UNAVAILABLE, FeatureAvailabilityEvent
from feature_events.layouts.entity_features import FeaturesMode, Removals
from feature_events.topic_index.judge import Verdict
from feature_events.traces.item import ABSENT, POISON, ItemState


class Judgement(NamedTuple):
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def judge(
    state: ItemState,
    current: FeatureAvailabilityEvent | None,
    known_since_ms: int | None,
    mode: FeaturesMode,
    removals: Removals,
) -> Judgement:
    """Return whether the topic says what the item says.

    Args:
        state: the item's state.
        current: the current event about the item among those that were read.
        known_since_ms: the topic would contain every event since this time, in milliseconds since the epoch; None if
            that is unknown.
        mode: FEATURES_MODE.
        removals: REMOVALS.

    """
    if state.event is None:
        return _judge_without_event(state, current, removals)
    if current is None:
        return _judge_unannounced(state, known_since_ms)
    differences = _find_differences(state.event, current, mode, has_own_time=state.has_own_time)
    if differences:
        return Judgement(Verdict.OUTDATED, f"the current event differs from the item in {' and '.join(differences)}")
    return Judgement(Verdict.ANNOUNCED, "the current event matches the item")


def _find_differences(
    event: FeatureAvailabilityEvent, current: FeatureAvailabilityEvent, mode: FeaturesMode, *, has_own_time: bool
) -> list[str]:
    """Return the fields in which the current event differs from the one that the item would produce.

    With FEATURES_MODE=changed, an event names only the features that its write changed, so features are not compared.
    Without a time of the item, the event has the time of its write, which the item does not show.
    """
    compared = {
        "event_type": (event.event_type, current.event_type),
        "features": (sorted(event.features), sorted(current.features)) if mode == "all" else None,
        "compute_id": (event.compute_id, current.compute_id),
        "timestamp": (event.timestamp, current.timestamp) if has_own_time else None,
    }
    return [name for name, pair in compared.items() if pair and pair[0] != pair[1]]


def _judge_unannounced(state: ItemState, known_since_ms: int | None) -> Judgement:
    """Judge an item that should have an event, and has none."""
    if state.event is None or not state.has_own_time:
        reason = "the item has no timestamp, so its event may be before `since` or removed"
        return Judgement(Verdict.UNJUDGED, reason)
    if known_since_ms is None:
        reason = "retention removed all messages of its partition, possibly including its event"
        return Judgement(Verdict.UNJUDGED, reason)
    if to_epoch_ms(state.event.timestamp) <= known_since_ms:
        reason = f"the item was written before {to_iso(known_since_ms)}, so its event may be before `since` or removed"
        return Judgement(Verdict.UNJUDGED, reason)
    return Judgement(Verdict.MISSING, "the item was written after `since`, and the topic has no event about it")


def _judge_without_event(state: ItemState, current: FeatureAvailabilityEvent | None, removals: Removals) -> Judgement:
    """Judge an item that produces no event now."""
    if state.obstacle == POISON:
        verdict = Verdict.MISSING if current is None else Verdict.OUTDATED
        return Judgement(verdict, f"the item cannot become an event: {state.detail}; correct the item or its layout")
    what = "the item does not exist" if state.obstacle == ABSENT else f"the item is skipped as {state.obstacle}"
    if current is None:
        return Judgement(Verdict.UNJUDGED, f"{what}, and the read part of the topic has no event about it")
    if current.event_type == UNAVAILABLE:
        return Judgement(Verdict.ANNOUNCED, f"{what}, and the current event is its removal")
    why = "removals are not announced (Removals is none)" if removals == "none" else "its removal was not announced"
    return Judgement(Verdict.OUTDATED, f"{what}, and {why}")
