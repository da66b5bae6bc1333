"""The writers' side of a simulation of the state rule: a table, its streams, and what consumers must know about it."""

from typing import Any, NamedTuple
from uuid import UUID

from feature_events.epoch import to_iso
from feature_events.layouts.table_layout import FixedNames
from feature_events.records.change import Item
from feature_events.settings.settings import Settings
from tests.simulation.rule_ends import ReadDynamoDB
from tests.simulation.rule_truth import UNREADABLE, Announced, Current, ItemTruth, find_names
from tests.support.backfills import KEY_NAMES, TABLE_ARN
from tests.support.doubles import FakeClock
from tests.support.lanes import Record
from tests.support.mapping import EventSourceMapping
from tests.support.records import Json, to_item, to_record

WRITE, STAMP, RESTORE, EMPTY, SPOIL = "write", "stamp", "restore", "empty", "spoil"
"""Writes of an item: with features; with another time and compute id only; as it was before its last write; without
features; with something that no event can describe."""
DELETE, EXPIRE = "delete", "expire"
CHANGES = (WRITE, STAMP, RESTORE, EMPTY, SPOIL, DELETE, EXPIRE)
LOSE, REFUSE, ACCEPT = "lose", "refuse", "accept"
"""The next change is missing in the stream, as if it was written before the stream was enabled; Kafka begins or ends to
refuse events that name the last feature."""
DELIVER, KILL, NOTHING = "deliver", "kill", "nothing"
"""A batch is delivered; the process is killed; the next step of the function follows."""

ITEMS = tuple((f"user-{number % 2}", f"group-{number // 2}") for number in range(3))
"""The keys of the items."""
NAMES = ("age", "city", "refused")
"""The features. Kafka can refuse each event that names the last one."""
FIRST_NUMBERS = (10**21 - 4, 10**20, 10**39)
"""Where the sequence numbers of a stream can start."""
_DROP_SECONDS = 3.0
"""The least time between the last write to a table and the first one to a new table with its name."""
_WRITTEN_MS = 1_760_099_697_000

type Unit = tuple[str, ...]
"""What an event is about: the source, the entity and the resource; with one feature per item, also the feature."""


class Move(NamedTuple):
    """Something that happens between two steps of the functions."""

    kind: str
    number: int = 0
    """The number of the item or lane."""
    features: int = 1
    """For a write: one bit for each feature that it has, and three more for those whose value changes."""
    tenths: int = 0
    """The time that passes before, in tenths of a second."""


class WrittenTable:
    """A table, and the streams of all tables that had its name."""

    def __init__(
        self, settings: Settings, mapping: EventSourceMapping, clock: FakeClock, dynamodb: ReadDynamoDB
    ) -> None:
        self._settings = settings
        self._mapping = mapping
        self._clock = clock
        self._dynamodb = dynamodb
        self._tables = 0
        self._number = 0
        self._shards = 0
        self._stream: list[Record] = []
        """The records of the current table's stream."""
        self._is_lost = False
        self.changes = self.removals = 0
        self.has_one_feature = isinstance(settings.table_layouts[0].features, FixedNames)
        """True if each item is one feature, whose name is in its key."""
        self.truths = {self.to_unit(item): ItemTruth() for item in ITEMS}
        self.recreate(FIRST_NUMBERS[0])

    def recreate(self, first_number: int) -> None:
        """Delete the table, which announces nothing, and create another one with its name."""
        self._clock.seconds += _DROP_SECONDS
        self._tables += 1
        self._number = first_number
        self._stream = []
        self._dynamodb.items.clear()
        for truth in self.truths.values():
            truth.restart()
        self._add_shard()

    def read_again(self) -> None:
        """Create the mapping again, which delivers the whole stream again."""
        self._add_shard()
        for record in self._stream:
            self._mapping.put(self._shard, record)

    def lose_next(self) -> None:
        """Keep the next change out of the stream."""
        self._is_lost = True

    def change(self, move: Move) -> None:
        """Change an item, and append the record to the stream."""
        item = ITEMS[move.number % len(ITEMS)]
        keys = {name: {"S": text} for name, text in zip(KEY_NAMES, item, strict=True)}
        place, truth = self._dynamodb.place(keys), self.truths[self.to_unit(item)]
        is_removed = move.kind in (DELETE, EXPIRE)
        if is_removed and truth.current is None:
            return
        number, self.changes = self.changes, self.changes + 1
        new = None if is_removed else _to_current(move, truth, number)
        if self.has_one_feature and new is not None and new.features != UNREADABLE:
            new = new._replace(features={_split(item)[1]: number})
        record = self._to_record(move.kind, number, keys, self._dynamodb.items.get(place), new)
        if new is None:
            self.removals += 1
            del self._dynamodb.items[place]
        else:
            self._dynamodb.items[place] = record["dynamodb"]["NewImage"]
        self._announce(truth, new, record["eventID"], number)
        if not self._is_lost:
            truth.seconds.append(self._clock())
            self._stream.append(record)
            self._mapping.put(self._shard, record)
        self._is_lost = False

    def to_unit(self, item: tuple[str, str]) -> Unit:
        """Return what the events of an item are about."""
        return TABLE_ARN, KEY_NAMES[0], item[0], *(_split(item) if self.has_one_feature else item[1:])

    @property
    def _shard(self) -> str:
        return f"shard-{self._shards}"

    def _add_shard(self) -> None:
        self._shards += 1
        self._mapping.add_shard(self._shard)

    def _to_record(self, kind: str, number: int, keys: Json, old: Item | None, new: Current | None) -> Record:
        """Return the stream record of a change. DynamoDB rounds its time down."""
        record = to_record(number, kind="REMOVE" if new is None else "INSERT" if old is None else "MODIFY")
        body = {
            "ApproximateCreationDateTime": int(self._clock()),
            "Keys": keys,
            "SequenceNumber": str(self._number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        self._number += 1
        if new is not None:
            body["NewImage"] = keys | {"change": {"N": str(number)}} | _to_attributes(new)
        if old is not None:
            body["OldImage"] = old
        if kind == EXPIRE:
            record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        stream = f"{TABLE_ARN}/stream/2026-01-01T00:00:00.{self._tables:03}"
        return record | {"dynamodb": body, "eventSourceARN": stream}

    def _announce(self, truth: ItemTruth, new: Current | None, event_id: str, number: int) -> None:
        """Note what the change announces."""
        names = find_names(
            truth.current.features if truth.current else {},
            new.features if new else {},
            only_changed=self._settings.features_mode == "changed",
            with_removals=self._settings.removals == "events",
        )
        truth.write(new, number)
        if names:
            is_poison = new is not None and new.features == UNREADABLE
            truth.changes.append(Announced(number, str(UUID(event_id)), names, self._is_lost, is_poison))


def read_keys(item: Any) -> tuple[str, str]:  # noqa: ANN401  # DynamoDB's JSON
    """Return the keys of an item."""
    return item[KEY_NAMES[0]]["S"], item[KEY_NAMES[1]]["S"]


def _split(item: tuple[str, str]) -> tuple[str, str]:
    """Return the resource and the feature of an item that is one feature."""
    resource, _, feature = item[1].partition("-")
    return resource, feature


def _to_current(move: Move, truth: ItemTruth, number: int) -> Current:
    """Return the item after a write."""
    # The clock of the job that wrote it is not the table's
    compute_id, timestamp = str(number), to_iso(_WRITTEN_MS + number * 7_919_000 % 2_003_000)
    old = truth.current.features if truth.current and truth.current.features != UNREADABLE else {}
    if move.kind == RESTORE and truth.former:
        return truth.former
    if move.kind == EMPTY:
        return Current({}, compute_id, timestamp)
    if move.kind == SPOIL:
        return Current(UNREADABLE, compute_id, timestamp)
    if move.kind == STAMP and old:
        return Current(old, compute_id, timestamp)
    names = [name for bit, name in enumerate(NAMES) if move.features >> bit & 1] or [NAMES[0]]
    changed = {name for bit, name in enumerate(NAMES) if move.features >> bit + len(NAMES) & 1}
    values = {name: number if name in changed else old.get(name, number) for name in names}
    return Current(values, compute_id, timestamp)


def _to_attributes(item: Current) -> Json:
    """Return an item without its keys."""
    if item.features == UNREADABLE:
        return {"features": {"S": "age,city"}}
    attributes = to_item(updated_at=item.timestamp, compute_id=item.compute_id)
    data = {name: {"N": str(value)} for name, value in item.features.items()}
    attributes["features"]["M"]["data"]["M"] = data
    return attributes
