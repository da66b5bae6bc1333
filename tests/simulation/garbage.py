"""A seeded generator of malformed records: parts of a valid record are replaced, removed, renamed or added.

It uses `random` instead of Hypothesis, because a million records take only minutes.
"""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

from tests.support.records import to_item, to_record

CORPUS = Path(__file__).parent / "corpus"

_TEXTS = (
    "", "None", "S", "M", "features", "category", "\x00", "\ud800", "é", "𝄞", "١٢", " 1", "1e400", "NaN", "a" * 300,
    "INSERT", "REMOVE", "arn:", "arn:\udfff", "arn:aws:dynamodb:x:1:table/t/stream/s", "KEYS_ONLY", "OLD_IMAGE",
    "2025-10-10T12:34:56.789Z", "2025-10-10T12:34:56.123456+00:00", "2025-10-10", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59", "2025-W41-5", "20251010T123456Z", "24:00", "2025-10-10T24:00:00Z",
    "0" * 32, "F" * 32, "zz" * 16, "123e4567-e89b-12d3-a456-426614174000", "99999999999999999999999999999999",
)  # fmt: skip
_NUMBERS = (
    0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan"),
    253_402_300_799, 253_402_300_800, 1760099697, 1760099697.9995, 5e-324, 0.0004,
)  # fmt: skip
_TYPES = ("S", "N", "B", "M", "L", "NULL", "BOOL", "SS", "NS", "BS")


def to_garbage(random: Random, depth: int = 0) -> Any:  # noqa: ANN401, PLR0911  # any JSON value, one return per kind
    """Return a random JSON value, often in the form of a DynamoDB attribute."""
    choice = random.randrange(9 if depth < 4 else 5)
    match choice:
        case 0:
            return random.choice(_TEXTS)
        case 1:
            return random.choice(_NUMBERS)
        case 2:
            return random.choice((None, True, False))
        case 3:
            return {random.choice(_TYPES): random.choice(_TEXTS)}
        case 4:
            return "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(6)))
        case 5:
            return [to_garbage(random, depth + 1) for _ in range(random.randrange(4))]
        case 6:
            return {random.choice(_TYPES): to_garbage(random, depth + 1)}
        case 7:
            return {"M": {random.choice(_TEXTS): to_garbage(random, depth + 1) for _ in range(random.randrange(4))}}
        case _:
            return {random.choice(_TEXTS): to_garbage(random, depth + 1) for _ in range(random.randrange(4))}


def to_bad_record(random: Random, number: int) -> Any:  # noqa: ANN401  # any JSON value
    """Return a record with up to four spoiled parts, or a value that is not a record."""
    if random.random() < 0.02:
        return to_garbage(random)
    kind = random.choice(("INSERT", "MODIFY", "REMOVE"))
    old = to_item(value=2) if random.random() < 0.5 else None
    record = copy.deepcopy(to_record(number, entity=f"user-{number % 7}", kind=kind, old=old))
    if kind == "REMOVE":
        del record["dynamodb"]["NewImage"]
        record["userIdentity"] = random.choice((None, {"type": "Service", "principalId": "dynamodb.amazonaws.com"}))
    elif random.random() < 0.01:
        del record["dynamodb"]["NewImage"]
        record["dynamodb"]["StreamViewType"] = random.choice(("KEYS_ONLY", "OLD_IMAGE"))
    for _ in range(random.randrange(5)):
        spoil(random, record)
    return record


def save_case(name: str, record: Any) -> Path:  # noqa: ANN401  # any JSON value
    """Add a record to the corpus and return its file."""
    file = CORPUS / f"{name}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    return file


def spoil(random: Random, part: Any) -> None:  # noqa: ANN401  # a part of a record
    """Replace, remove, rename or add one member, at a random depth."""
    while True:
        names = [*part]
        if not names:
            return
        name = random.choice(names)
        if type(part[name]) is dict and random.random() < 0.75:
            part = part[name]
            continue
        break
    match random.randrange(6):
        case 0:
            del part[name]
        case 1:
            part[random.choice(_TEXTS)] = part.pop(name)
        case 2:
            part[random.choice(_TEXTS)] = to_garbage(random)
        case _:
            part[name] = to_garbage(random)
