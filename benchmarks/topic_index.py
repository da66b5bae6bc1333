"""Measure the index of a topic: `python -m benchmarks.topic_index [EVENTS]`. It needs no server.

The events are those of the default layout, about half as many items. The reader and the bucket are in
memory, so the figures are those of the function's own work: decoding, hashing, sorting and looking up.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from typing import override

from benchmarks.stream_events import TABLE_ARN
from feature_events.deadline import Deadline
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.logs import logger
from feature_events.topic.event import EventDecoder
from feature_events.topic.reader import Offsets, TopicMessage, TopicReader
from feature_events.topic_index.entries import hash_item
from feature_events.topic_index.index import merge_bucket, read_index
from feature_events.topic_index.look import plan_first_look
from feature_events.topic_index.store import IndexStore
from feature_events.topic_index.work import IndexWorker
from tests.support.audits import MemoryFolder

_EVENTS = 1_000_000
_FEATURES = tuple(f"feature_{number}" for number in range(20))
_LONG = Deadline(1e9)
_LOOKUPS = 100_000


def make_event(number: int) -> FeatureAvailabilityEvent:
    """Make an event about this item."""
    return FeatureAvailabilityEvent(
        "c1f94527-caa1-6afa-6336-669da7e44710",
        "feature_available",
        "2025-10-10T12:34:56.789Z",
        "bright_uid",
        f"user-{number:09}",
        "feature",
        "user_features",
        f"spark-job-{number % 100:04}",
        _FEATURES,
    )


class GeneratedReader(TopicReader):
    """A reader of events that are made when they are read."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._codec = Codec(SHIPPED_SCHEMA)
        self._source = TABLE_ARN.encode()

    @override
    def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
        for partition, offsets in ranges.items():
            for offset in offsets:
                event = make_event(offset % self._items)
                headers = {
                    "ce_source": self._source,
                    "ce_type": b"com.featurestore.events.feature_available",
                    "ce_sequence": str(4421584500000000017450439000 + offset).encode(),
                }
                value = b"\0\0\0\0\7" + self._codec.encode(event)
                time_ms = 1_760_099_697_000 + offset
                yield TopicMessage(partition, offset, time_ms, event.entity_id.encode(), value, headers)


def main() -> None:
    """Index, merge and read, and print the figures as JSON."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else _EVENTS
    logger.setLevel(logging.ERROR)
    figures: dict[str, float] = {"events": events}
    folder = MemoryFolder()
    store, reader = IndexStore(folder), GeneratedReader(events // 2)
    look = plan_first_look({0: Offsets(0, events)}, {0: 0}, 0, 0)
    decoder = EventDecoder(TABLE_ARN, lambda _: SHIPPED_SCHEMA)

    started = time.perf_counter()
    for _ in reader.read({0: range(events)}, _LONG):
        pass
    figures["generating_seconds"] = time.perf_counter() - started
    started = time.perf_counter()
    IndexWorker(look, reader, decoder, store, "all", ["item"], time.monotonic).work(0, _LONG, _LONG)
    figures["indexing_seconds"] = time.perf_counter() - started - figures["generating_seconds"]
    figures["stored_entries_bytes"] = sum(len(body) for name, body in folder.objects.items() if "index/0/0/" in name)
    figures["peak_after_indexing_bytes"] = _read_peak()

    started = time.perf_counter()
    items = [merge_bucket(store, look, bucket) for bucket in range(look.buckets)]
    figures |= {"items": sum(items), "buckets": look.buckets, "merging_seconds": time.perf_counter() - started}
    figures["index_bytes"] = sum(len(body) for name, body in folder.objects.items() if "bucket-" in name)
    figures["peak_after_merging_bytes"] = _read_peak()

    started = time.perf_counter()
    index = read_index(store, look)
    figures["reading_seconds"] = time.perf_counter() - started
    wanted = [hash_item(make_event(number), "item") for number in range(_LOOKUPS)]
    started = time.perf_counter()
    found = sum(index.find(each) is not None for each in wanted)
    figures |= {"found": found, "lookup_microseconds": (time.perf_counter() - started) / _LOOKUPS * 1e6}
    sys.stdout.write(json.dumps({name: round(value, 2) for name, value in figures.items()}, indent=2) + "\n")


def _read_peak() -> int:
    """Return the most memory that the process has used, with the objects in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
