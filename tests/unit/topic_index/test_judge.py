"""Test the verdict on an item."""

from array import array
from typing import Any

import pytest

from feature_events.encoder import Encoder
from feature_events.epoch import to_epoch_ms
from feature_events.topic_index.entries import hash_content, hash_item
from feature_events.topic_index.index import TopicIndex
from feature_events.topic_index.judge import Judge, Verdict
from tests.support.backfills import to_scanned
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX, encode_scanned
from tests.support.records import WRITTEN
from tests.unit.topic_index.test_entries import FIXED, MAPPED

OLDER, NEWER = to_epoch_ms(WRITTEN) - 1, to_epoch_ms(WRITTEN)


def judge(item: Any, *announced: Any, known_since_ms: int = 0, mode: Any = "all", layouts: Any = None) -> Verdict:  # noqa: ANN401  # items
    """Return the verdict on an item, if the topic has events of these items."""
    parts = {"layouts": layouts or to_layouts(), "features_mode": mode}
    units: Any = ["feature", "item"] if layouts else ["item"]
    events = [encode_scanned(each, **parts).event for each in announced]
    index = sorted((hash_item(event, unit), hash_content(event, mode)) for event in events for unit in units)
    items, contents = (array("Q", [int.from_bytes(entry[place]) for entry in index]) for place in (0, 1))
    encoder = Encoder(parts["layouts"], mode, PREFIX, CODEC)
    topic_index = TopicIndex(items, contents, known_since_ms, is_behind=False)
    return Judge(encoder, topic_index, units).judge(encode_scanned(item, **parts))


@pytest.mark.parametrize(
    ("announced", "verdict"),
    [
        ({}, Verdict.ANNOUNCED),
        ({"value": 5}, Verdict.ANNOUNCED),
        ({"features": ("income", "age")}, Verdict.ANNOUNCED),
        ({"features": ("age",)}, Verdict.OUTDATED),
        ({"compute_id": "other"}, Verdict.OUTDATED),
        ({"compute_id": None}, Verdict.OUTDATED),
        ({"updated_at": "2025-10-10T12:34:56.788Z"}, Verdict.OUTDATED),
    ],
)
def test_judge__compares_an_item_with_its_event(announced: Any, verdict: Verdict) -> None:  # noqa: ANN401  # an item's parts
    """Values are not in an event. Everything else counts."""
    assert judge(to_scanned(), to_scanned(**announced)) == verdict


def test_judge__ignores_the_timestamp_of_an_item_without_a_time() -> None:
    """The event has the time of the change or of the run."""
    assert judge(to_scanned(updated_at=None), to_scanned()) == Verdict.ANNOUNCED
    assert judge(to_scanned(updated_at=None), to_scanned(compute_id="other")) == Verdict.OUTDATED


def test_judge__ignores_features_if_events_list_only_changed_ones() -> None:
    """Timestamp and compute id decide."""
    assert judge(to_scanned(), to_scanned(features=("age",)), mode="changed") == Verdict.ANNOUNCED
    assert judge(to_scanned(), to_scanned(compute_id="other"), mode="changed") == Verdict.OUTDATED


@pytest.mark.parametrize(
    ("item", "known_since_ms", "verdict"),
    [
        ({}, OLDER, Verdict.MISSING),
        ({}, NEWER, Verdict.UNJUDGED),
        ({"updated_at": None}, 0, Verdict.UNJUDGED),
    ],
    ids=["newer than the topic", "as old as the topic", "without a time"],
)
def test_judge__needs_a_later_time_for_a_missing_event(item: Any, known_since_ms: int, verdict: Verdict) -> None:  # noqa: ANN401  # an item's parts
    """The event of an older item may have been removed."""
    assert judge(to_scanned(**item), to_scanned("other"), known_since_ms=known_since_ms) == verdict


def test_judge__distinguishes_features_if_the_layout_writes_their_names() -> None:
    """Two items of one entity and resource have different events."""
    layouts = to_layouts(FIXED, MAPPED)
    age, city = (
        {**to_scanned(), "category": {"S": f"nightly#{feature}"}, "value": {"N": "1"}} for feature in ("age", "city")
    )
    plain = to_scanned()
    assert judge(age, city, plain, layouts=layouts) == Verdict.UNJUDGED
    assert judge(age, city, age, layouts=layouts) == Verdict.ANNOUNCED
    assert judge(plain, city, plain, layouts=layouts) == Verdict.ANNOUNCED
