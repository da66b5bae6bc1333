"""Compare items with what the topic says about them."""

from enum import StrEnum

from feature_events.encoder import Encoded, Encoder
from feature_events.epoch import to_epoch_ms
from feature_events.records.change import Change
from feature_events.topic_index.entries import (
    Unit,
    find_unit,
    hash_content,
    hash_item,
    says_the_same,
)
from feature_events.topic_index.index import TopicIndex


class Verdict(StrEnum):
    """The result of comparing an item with the topic."""

    ANNOUNCED = "announced"
    """Its current event says what the item says."""
    MISSING = "missing"
    """It has no event, and would have one in the part of the topic that was read."""
    OUTDATED = "outdated"
    """Its current event says something else."""
    UNJUDGED = "unjudged"
    """It has no event, but its event may have been removed, or it kept changing."""


class Judge:
    """A judge of the items of one table.

    Args:
        encoder: the function's encoder.
        index: the current events.
        units: the units of the table's layouts.

    """

    def __init__(self, encoder: Encoder, index: TopicIndex, units: list[Unit]) -> None:
        self._encoder = encoder
        self._index = index
        self._units = units

    def judge(self, encoded: Encoded) -> Verdict:
        """Compare an item with its current event.

        The timestamp counts only if the item has its own. With FEATURES_MODE=changed, an event lists only some of the
        features, so only timestamp and compute id count.
        """
        event = encoded.event
        said = self._index.find(hash_item(event, self._find_unit(encoded.change)))
        has_time = bool(encoded.entity.updated_at)
        if said is None:
            is_known = has_time and to_epoch_ms(event.timestamp) > self._index.known_since_ms
            return Verdict.MISSING if is_known else Verdict.UNJUDGED
        is_same = says_the_same(said, hash_content(event, self._encoder.features_mode), with_time=has_time)
        return Verdict.ANNOUNCED if is_same else Verdict.OUTDATED

    def _find_unit(self, change: Change) -> Unit:
        if len(self._units) == 1:
            return self._units[0]
        chosen = self._encoder.layouts.choose(change)
        return "item" if chosen is None else find_unit(chosen[0])
