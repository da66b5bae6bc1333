"""Generate invalid settings, secrets and schemas by damaging valid ones."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from tests.simulation.garbage import spoil, to_garbage

_TOKENS = (
    "", "[", "{", "}", '"', "\\", "\x00", "\\u0000", "\\ud800", "\ud800", "NaN", "-Infinity", "1e999", "9" * 5000,
    "null", "é", "ő", "🦊", "\n", "\t", " ", "..", "a" * 64, "@", "%", "::", "https://", "HTTP://", "#", "?", "[::1]x",
    "-----BEGIN CERTIFICATE-----",
)  # fmt: skip
_LABELS = ("X509 CERTIFICATE", "TRUSTED CERTIFICATE", "CERTIFICATE REQUEST")
"""Other labels of PEM blocks."""
_LONG_TOKENS = ("[" * 60_000, '{"a":' * 60_000)
"""Used rarely, because they take longest to parse."""
_PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_LOGICAL = (
    ("string", ("uuid",)),
    ("bytes", ("decimal", "big-decimal")),
    ("fixed", ("decimal", "duration", "uuid")),
    ("int", ("date", "time-millis")),
    (
        "long",
        (
            "time-micros",
            *(f"{local}timestamp-{unit}s" for local in ("", "local-") for unit in ("milli", "micro", "nano")),
        ),
    ),
)
"""All logical types of the specification (https://avro.apache.org/docs/1.12.0/specification/#logical-types)."""
_DEFAULTS: tuple[Any, ...] = (
    None, True, 0, -1, 86_400_000, 2**31 - 1, 2**63 - 1, 1.5, "", "none", "A", "ÿ", "2025-10-10", "0" * 12, "0" * 16,
    [], {}, "123e4567-e89b-12d3-a456-426614174000", ["none"], [0], {"a": "none"}, {"a": 0}, float("nan"),
)  # fmt: skip
_NAMES = (*FeatureAvailabilityEvent._fields, *EventDetails._fields, "tenant", "E", "")
_LISTS = ("features", "changed_features", "removed_features")


def damage(random: Random, good: Sequence[Any]) -> str:
    """Damage the parts or the text of one of these documents, or both. Only the text of a string is damaged."""
    document = random.choice(good)
    if type(document) is not str:
        document = json.loads(json.dumps(document))
        for _ in range(random.randrange(3)):
            if type(document) is dict:
                spoil(random, document)
        text = json.dumps(
            to_garbage(random) if random.random() < 0.02 else document, ensure_ascii=random.random() < 0.9
        )
    else:
        text = document
    if random.random() < 0.1:
        text = text.replace("CERTIFICATE", random.choice(_LABELS))
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        start = random.randrange(len(text) + 1)
        end = start + random.choice((0, 0, 1, 5, 1000))
        token = random.choice(_LONG_TOKENS if random.random() < 0.005 else _TOKENS)
        text = f"{text[:start]}{token}{text[end:]}"
    return text


def to_schema(random: Random) -> dict[str, Any]:
    """Generate a record schema. Most fields have types that an event's values fit."""
    names = random.sample(_NAMES, random.randrange(1, 7))
    return {
        "type": "record",
        "name": "E",
        "fields": [_to_field(random, name, number) for number, name in enumerate(names)],
    }


def _to_field(random: Random, name: str, number: int) -> dict[str, Any]:
    kind = _to_fitting_type(random, name) if random.random() < 0.8 else _to_type(random, f"T{number}")
    field = {"name": name, "type": random.choice((kind, kind, ["null", kind], [kind, "null"]))}
    if random.random() < 0.7:
        field["default"] = random.choice(_DEFAULTS)
    if random.random() < 0.02:
        field["aliases"] = random.choice((None, [], ["x"], [7], 7, {}))
    return field


def _to_fitting_type(random: Random, name: str) -> Any:  # noqa: ANN401  # an Avro type
    if name in _LISTS:
        return {"type": "array", "items": random.choice(("string", ["null", "string"]))}
    if name == "backfill":
        return "boolean"
    if name == "event_id" and random.random() < 0.5:
        return {"type": "string", "logicalType": "uuid"}
    if name == "stream_time" and random.random() < 0.5:
        return {"type": "long", "logicalType": f"timestamp-{random.choice(('millis', 'micros'))}"}
    return "string"


def _to_type(random: Random, name: str, depth: int = 0) -> Any:  # noqa: ANN401, PLR0911  # an Avro type, each in its line
    choice = random.randrange(8 if depth < 3 else 4)
    deeper = depth + 1
    match choice:
        case 0:
            return random.choice((*_PRIMITIVES, "E", "T0"))
        case 1 | 2:
            base, logical = random.choice(_LOGICAL)
            more = {"name": name, "size": random.choice((1, 12, 16))} if base == "fixed" else {}
            return {"type": base, "logicalType": random.choice(logical), "precision": 4, "scale": 2, **more}
        case 3:
            return {"type": "enum", "name": name, "symbols": random.choice((["A", "B"], ["INSERT", "MODIFY", "text"]))}
        case 4:
            return {"type": "array", "items": _to_type(random, name, deeper)}
        case 5:
            return {"type": "map", "values": _to_type(random, name, deeper)}
        case 6:
            return [_to_type(random, f"{name}{branch}", deeper) for branch in range(random.randrange(1, 4))]
        case _:
            inner = {"name": "a", "type": _to_type(random, f"{name}x", deeper), "default": random.choice(_DEFAULTS)}
            return {"type": "record", "name": name, "fields": [inner]}
