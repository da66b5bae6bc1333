"""Measure the index of a topic: `python -m benchmarks.topic_index` prints the figures as JSON. It needs no server.

The events have 20 features, two for each item. They are made when they are read, and the time for that is measured
first and subtracted. The objects are files, so that the process has only the memory of the function's own work:
decoding, hashing, sorting and looking up.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, override

from benchmarks.programs import make_command, run_to_end
from benchmarks.stream_events import TABLE_ARN
from feature_events.aws.objects import JSON, ObjectFolder
from feature_events.deadline import Deadline
from feature_events.events.codec import Codec
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.logs import logger
from feature_events.topic.event import EventDecoder
from feature_events.topic.reader import Offsets, TopicMessage, TopicReader
from feature_events.topic_index.entries import hash_item
from feature_events.topic_index.index import merge_bucket, read_index
from feature_events.topic_index.look import Look, plan_first_look
from feature_events.topic_index.store import IndexStore
from feature_events.topic_index.work import IndexWorker

EVENTS = 1_000_000

_FEATURES = tuple(f"feature_{number}" for number in range(20))
_LONG = Deadline(1e9)
_LOOKUPS = 100_000
_MIB = 1_048_576


class IndexFigures(NamedTuple):
    """The measurements of an index. Times are of one worker."""

    events: int
    items: int
    index_us: float
    """Microseconds to index an event, without fetching it from Kafka."""
    merge_us: float
    """Microseconds to merge an event."""
    find_us: float
    """Microseconds to look up an item."""
    stored_bytes: int
    """The bytes of the entries."""
    index_bytes: int
    """The bytes of the merged index."""
    before_mib: float
    """The most resident memory before the index, with all imports."""
    indexing_mib: float
    """The most resident memory after indexing."""
    merging_mib: float
    """The most resident memory after merging and reading the index."""


class FileFolder(ObjectFolder):
    """A folder of files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @override
    def name(self, name: str) -> str:
        return name

    @override
    def read(self, name: str) -> bytes | None:
        file = self._directory / name
        return file.read_bytes() if file.exists() else None

    @override
    def read_existing(self, name: str, part: range | None = None) -> bytes:
        with (self._directory / name).open("rb") as file:
            file.seek(part.start if part else 0)
            return file.read(len(part) if part is not None else -1)

    @override
    def write(self, name: str, body: bytes, content_type: str = JSON) -> None:
        file = self._directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def measure(self, pattern: str) -> int:
        """Return the size of all files with this pattern."""
        return sum(file.stat().st_size for file in self._directory.glob(pattern))


class MadeReader(TopicReader):
    """A reader of events that are made when they are read."""

    def __init__(self) -> None:
        self._codec = Codec(SHIPPED_SCHEMA)

    @override
    def read(self, ranges: Mapping[int, range], deadline: Deadline) -> Iterator[TopicMessage]:
        for partition, offsets in ranges.items():
            for offset in offsets:
                event = make_event(offset // 2)
                value = b"\0\0\0\0\7" + self._codec.encode(event)
                headers = {
                    "ce_source": TABLE_ARN.encode(),
                    "ce_type": b"com.featurestore.events.feature_available",
                    "ce_sequence": str(4421584500000000017450439000 + offset).encode(),
                }
                yield TopicMessage(partition, offset, 1_760_099_697_000 + offset, b"", value, headers)


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


def measure_index(progress: Callable[[str], None], events: int = EVENTS) -> IndexFigures:
    """Measure the index of this many events, in another process."""
    progress(f"the index of {events:,} events")
    return IndexFigures(**json.loads(run_to_end(make_command("topic_index", str(events))).text))


def _measure(folder: FileFolder, events: int) -> IndexFigures:
    store, reader, before = IndexStore(folder), MadeReader(), _read_peak()
    look = plan_first_look({0: Offsets(0, events)}, {0: 0}, 0, 0)
    making = _time(lambda: sum(1 for _ in reader.read({0: range(events)}, _LONG)))
    indexing = _time(lambda: _index(look, reader, store))
    after_indexing = _read_peak()
    merging = _time(lambda: [merge_bucket(store, look, bucket) for bucket in range(look.buckets)])
    index = read_index(store, look)
    wanted = [hash_item(make_event(number), "item") for number in range(min(_LOOKUPS, events // 2))]
    finding = _time(lambda: [index.find(each) for each in wanted])
    return IndexFigures(
        events,
        len(index.items),
        (indexing - making) / events * 1e6,
        merging / events * 1e6,
        finding / len(wanted) * 1e6,
        folder.measure("index/0/0/*"),
        folder.measure("index/0/bucket-*"),
        before,
        after_indexing,
        _read_peak(),
    )


def _index(look: Look, reader: TopicReader, store: IndexStore) -> None:
    decoder = EventDecoder(TABLE_ARN, lambda _: SHIPPED_SCHEMA)
    IndexWorker(look, reader, decoder, store, "all", ["item"], "benchmark").work(0, _LONG, _LONG)


def _time(function: Callable[[], object]) -> float:
    """Return the seconds of CPU that a call takes."""
    started = time.process_time()
    function()
    return time.process_time() - started


def _read_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MIB


def main() -> None:
    """Measure the index, and print the figures."""
    logger.setLevel(logging.ERROR)
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with TemporaryDirectory() as directory:
        figures = _measure(FileFolder(Path(directory)), events)
    sys.stdout.write(json.dumps(figures._asdict()) + "\n")


if __name__ == "__main__":
    main()
