"""Turns an event into the bytes of a Kafka message: Confluent's frame, then Avro.

The frame is one zero byte and the schema's id as four bytes, big-endian; it is the one thing here that another
registry's clients would want otherwise.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from sys import getsizeof
from typing import TYPE_CHECKING, NamedTuple

from feature_events.errors import PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent

if TYPE_CHECKING:
    from feature_events.events.other_schema import OtherSchema

SHIPPED_SCHEMA = (Path(__file__).parent / "feature_trigger.avsc").read_text()

_FIELDS = [
    *((name, "string") for name in FeatureAvailabilityEvent._fields[:-1]),
    ("features", {"type": "array", "items": "string"}),
]

# Encodings are kept, since most items of a table have the same names and come from few jobs. With the texts that they
# are of, so many bytes are a thousand lists of 20 names, or two hundred of 100
_KEPT_BYTES = 2_000_000
_LARGEST_KEPT_BYTES = 100_000


class Schema(NamedTuple):
    """An Avro schema and the id that the registry gave it."""

    id: int
    text: str


class Codec:
    """Encodes events under one schema.

    Raises:
        Misconfigured: the schema is no Avro record, or has fields that no event can fill; they are named.

    """

    def __init__(self, schema: Schema) -> None:
        self._frame = b"\0" + schema.id.to_bytes(4, "big")
        self._other = _to_other(schema.text)
        self._texts = _Kept(_write_texts)
        self._features = _Kept(_write_features)
        self._last_features: tuple[tuple[str, ...], bytes] = (), *_write_features(())

    def encode(self, event: FeatureAvailabilityEvent) -> bytes:
        """The framed bytes of this event.

        A record is its fields one after the other. Where they are those that we ship, the three that differ in each
        event are written here and the others, which seldom do, once; any other schema is left to fastavro.

        Raises:
            PoisonRecord: a text in it is not valid Unicode, which Avro cannot hold.

        """
        try:
            if self._other is not None:
                return self._frame + self._other.write(event)
            event_id, event_type, timestamp, entity_type, entity_id, resource_type, resource, compute_id, names = event
            last_names, features = self._last_features
            if names != last_names:
                (features,) = self._features[names]
                # Mostly the next event's too, in the same strings, which are found equal without looking at each
                self._last_features = names, features
            before_time, before_entity, behind = self._texts[
                event_type, entity_type, resource_type, resource, compute_id
            ]
            id_, time, entity = event_id.encode(), timestamp.encode(), entity_id.encode()
            lengths = _LENGTHS
            return b"".join(
                (
                    self._frame,
                    lengths[len(id_)],
                    id_,
                    before_time,
                    lengths[len(time)],
                    time,
                    before_entity,
                    lengths[len(entity)],
                    entity,
                    behind,
                    features,
                )
            )
        except UnicodeEncodeError:
            raise PoisonRecord("a name or id in it is not valid Unicode text") from None
        except IndexError:  # a longer text than there are lengths
            return self._frame + b"".join((*map(_write_text, event[:-1]), *self._features[event.features]))


class _Kept(dict[tuple[str, ...], tuple[bytes, ...]]):
    """The encodings of texts, written when they are first asked for; when there are too many bytes, all are forgotten.

    A least recently used one could be forgotten alone, but only the number of encodings would be bounded then, and an
    item may have 400 KB of names that no other has.
    """

    def __init__(self, write: Callable[[tuple[str, ...]], tuple[bytes, ...]]) -> None:
        super().__init__()
        self._write = write
        self._bytes = 0

    def __missing__(self, texts: tuple[str, ...]) -> tuple[bytes, ...]:
        written = self._write(texts)
        size = sum(map(getsizeof, (*texts, *written)))
        if size <= _LARGEST_KEPT_BYTES:
            if self._bytes + size > _KEPT_BYTES:
                self.clear()
                self._bytes = 0
            self._bytes += size
            self[texts] = written
        return written


def _to_other(text: str) -> "OtherSchema | None":
    """The schema where it has other fields than the shipped one; what those need is not imported otherwise."""
    with contextlib.suppress(ValueError):  # another says what is wrong with it
        if json.loads(text) == json.loads(SHIPPED_SCHEMA):
            return None
    from feature_events.events.other_schema import OtherSchema

    other = OtherSchema(text)
    return None if other.fields == _FIELDS else other


def _write_texts(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    """The texts that stand before the time, before the entity, and behind it."""
    before_time, before_entity, *behind = texts
    return _write_text(before_time), _write_text(before_entity), b"".join(map(_write_text, behind))


def _write_text(text: str) -> bytes:
    data = text.encode()
    return _write_length(len(data)) + data


def _write_features(names: tuple[str, ...]) -> tuple[bytes]:
    """An array: one block, its length before it, and the length of no more."""
    block = _write_length(len(names)) + b"".join(map(_write_text, names)) if names else b""
    return (block + _write_length(0),)


def _write_length(length: int) -> bytes:
    """Avro's number: twice as much, in groups of seven bits, the lowest first, each but the last marked.

    https://avro.apache.org/docs/1.12.0/specification/#primitive-types-1
    """
    groups, left = bytearray(), length << 1
    while left > 127:  # noqa: PLR2004  # seven bits
        groups.append(left & 127 | 128)
        left >>= 7
    groups.append(left)
    return bytes(groups)


# A DynamoDB key, in base64, has at most 2,732 characters
_LENGTHS = tuple(map(_write_length, range(4096)))
