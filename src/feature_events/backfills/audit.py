"""Compare scanned items with the topic, and look at those that differ a second time before they count or are sent.

When an item is scanned, its live event may be on its way to the topic. So an item that differs is only a candidate. A
later look reads the topic further and the item again. If the item has not changed in between, and the topic still says
something else although live events arrive in time, its event is missing or outdated.
"""

import json
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple, override

from feature_events.backfills.announcement import PageCounts, make_counts
from feature_events.backfills.checkpoints import Checkpoints, Progress
from feature_events.backfills.work import Announcement, Pages
from feature_events.deadline import Deadline
from feature_events.records.change import Item
from feature_events.tables.table import Page
from feature_events.topic_index.judge import Judge, Verdict
from feature_events.topic_index.store import Candidate, IndexStore

LAST_LOOK = 5
"""The number of the last look. Items that are still candidates then are unjudged."""
DELETED = "deleted"
"""The reason to skip a candidate that no longer exists."""

_SETTLED = (Verdict.ANNOUNCED, Verdict.UNJUDGED)
"""The verdicts that need no second look."""


class Comparison(NamedTuple):
    """The parts of a comparison with the topic."""

    look: int
    judge: Judge
    store: IndexStore
    is_behind: bool
    """See `TopicIndex.is_behind`."""


class FirstLook(Pages):
    """The comparison of scanned items with the topic. It sends nothing.

    Args:
        announcement: scans and encodes items.
        comparison: what they are compared with.

    """

    def __init__(self, announcement: Announcement, comparison: Comparison) -> None:
        self._announcement = announcement
        self._comparison = comparison

    @override
    def read(self, segment: int, progress: Progress, limit: int) -> Page:
        return self._announcement.read(segment, progress, limit)

    @override
    def process(self, segment: int, progress: Progress, page: Page, deadline: Deadline) -> PageCounts:
        counts, differing = make_counts(), []
        for item, encoded in self._announcement.make_announcer(progress).encode_items(page.items, counts):
            verdict = self._comparison.judge.judge(encoded)
            if verdict in _SETTLED:
                counts.verdicts[verdict] += 1
            else:
                differing.append(item)
        candidates = [_to_candidate(item, self._announcement.plan.key_names) for item in differing]
        return counts._replace(candidates=_keep(self._comparison, self._announcement, segment, progress, candidates))


class SecondLook(Pages):
    """The second look at candidates, or any later one. What still differs is announced.

    Args:
        announcement: reads, encodes and announces items.
        comparison: what they are compared with.
        former: the progress of the look before, which has the candidates.

    """

    def __init__(self, announcement: Announcement, comparison: Comparison, former: Checkpoints) -> None:
        self._announcement = announcement
        self._comparison = comparison
        self._read_former = cache(former.read)  # it is complete
        self._digests: dict[str, str] = {}

    @override
    def read(self, segment: int, progress: Progress, limit: int) -> Page:
        names = self._read_former(segment).candidates
        if not names:
            return Page([], None)
        candidates = self._comparison.store.read_candidates(self._comparison.look - 1, names[progress.pages])
        self._digests = {_to_text(each.keys): each.digest for each in candidates}
        is_last = progress.pages + 1 == len(names)
        return Page([each.keys for each in candidates], None if is_last else candidates[-1].keys)

    @override
    def process(self, segment: int, progress: Progress, page: Page, deadline: Deadline) -> PageCounts:
        plan, announcer, counts = self._announcement.plan, self._announcement.make_announcer(progress), make_counts()
        items = self._announcement.tables.get_items(plan.table_arn, page.items)
        counts.skipped[DELETED] += len(page.items) - len(items)
        differing, candidates = [], []
        for item, encoded in announcer.encode_items(items, counts):
            verdict, candidate = self._comparison.judge.judge(encoded), _to_candidate(item, plan.key_names)
            if verdict in _SETTLED:
                counts.verdicts[verdict] += 1
            elif not self._comparison.is_behind and candidate.digest == self._digests[_to_text(candidate.keys)]:
                counts.verdicts[verdict] += 1
                differing.append(item)
            elif self._comparison.look == LAST_LOOK:
                counts.verdicts[Verdict.UNJUDGED] += 1
            else:
                candidates.append(candidate)
        announced = announcer.announce(differing, deadline)
        return announced._replace(
            skipped=announced.skipped + counts.skipped,
            poison=announced.poison + counts.poison,
            verdicts=counts.verdicts,
            candidates=_keep(self._comparison, self._announcement, segment, progress, candidates),
        )


def _keep(
    comparison: Comparison,
    announcement: Announcement,
    segment: int,
    progress: Progress,
    candidates: Sequence[Candidate],
) -> tuple[str, ...]:
    """Store candidates for the next look, and return the name of their object, if there are any.

    The attempt and the invocation are part of the name, so that no other worker on the segment can replace them.
    """
    if not candidates:
        return ()
    name = f"{segment}-{progress.attempt}-{progress.pages}-{announcement.invocation}"
    comparison.store.write_candidates(comparison.look, name, candidates)
    return (name,)


def _to_candidate(item: Item, key_names: Sequence[str]) -> Candidate:
    digest = blake2b(_to_text(item).encode(), digest_size=16).hexdigest()
    return Candidate({name: item[name] for name in key_names}, digest)


def _to_text(item: Item) -> str:
    """Return an item as text. Another order of a set's members is another text, which costs one more look."""
    return json.dumps(item, sort_keys=True, default=repr)
