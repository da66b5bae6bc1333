"""Convert items to the records of their insertion.

Only records distinguish keys from other attributes, and name a table. For an item alone, both come from the first
layout that can apply to the item.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any, NamedTuple

from feature_events.layouts.table_layout import Key, TableLayout
from local.errors import LocalError

type Record = Any
"""A stream record as Lambda passes it to the function, or any other JSON in its place."""

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "S": str, "N": str, "B": (str, bytes), "BOOL": bool, "NULL": bool, "M": dict, "L": list,
    "SS": list, "NS": list, "BS": list,
}  # fmt: skip
"""The types of values in DynamoDB's JSON. boto3 returns bytes, the AWS CLI base64."""
_KEY_TYPES = ("S", "N", "B")
_NO_STREAM = "arn:aws:dynamodb:eu-west-1:000000000000:table/{}/stream/none"


class Table(NamedTuple):
    """The table of an item: its name and its key attributes."""

    name: str
    key_names: tuple[str, ...]


def to_stream_arn(table: str) -> str:
    """Return the ARN of a stream that does not exist, for a table of this name."""
    return _NO_STREAM.format(table)


def to_record(item: Mapping[str, Any], keys: Sequence[str], stream: str, number: int, now: int) -> Record:
    """Return the record that Lambda would pass to the function if this item had been inserted now.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    image = _to_json(item)
    return {
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": now,
            "Keys": {name: image[name] for name in keys},
            "NewImage": image,
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": stream,
    }


def _to_json(value: Any) -> Any:  # noqa: ANN401  # anything that an item can contain
    """Replace binary values by base64 text, as in Lambda's JSON."""
    if isinstance(value, dict):
        return {name: _to_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_to_json(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def to_image(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item in DynamoDB's JSON, from that or from ordinary JSON."""
    if all(_is_typed(value) for value in item.values()):
        return item
    return {name: _to_typed(value) for name, value in item.items()}


def _is_typed(value: Any) -> bool:  # noqa: ANN401  # any JSON
    """Return whether this is a value in DynamoDB's JSON, such as `{"S": "text"}`."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    [(kind, inner)] = value.items()
    return kind in _TYPES and isinstance(inner, _TYPES[kind])


def _to_typed(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  # any JSON
    """Convert a value of ordinary JSON to DynamoDB's JSON."""
    if isinstance(value, dict):
        return {"M": {name: _to_typed(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"L": [_to_typed(each) for each in value]}
    if isinstance(value, str):
        return {"S": value}
    if value is None or isinstance(value, bool):
        return {"NULL": True} if value is None else {"BOOL": value}
    return {"N": str(value) if isinstance(value, int) else f"{Decimal(repr(value)).normalize():f}"}


def find_table(image: Mapping[str, Any], layouts: Sequence[TableLayout], name: str) -> Table | None:
    """Return the table of the first layout whose keys an item has, preferably with matching values; None without one.

    Args:
        image: the item, in DynamoDB's JSON.
        layouts: the layouts.
        name: the table's name; empty if it is unknown.

    Raises:
        LocalError: several attributes can be a key whose name the layout does not fix.

    """
    candidates = [each for each in layouts if not name or each.table.match(name) is not None]
    for needs_values in (True, False):
        for layout in candidates:
            found = list(_find_key_names(image, layout.keys, needs_values=needs_values))
            if len(found) > 1:
                names = sorted({key_name for key_names in found for key_name in key_names})
                raise LocalError(
                    f"is a plain item, and several attributes can be its keys: {', '.join(names)}; use stream records, "
                    "or TABLE=NAME for a table that you can read"
                )
            if found:
                return Table(name or re.sub(r"\{(\w*)\}", r"\1", layout.table.text) or "table", found[0])
    return None


def _find_key_names(image: Mapping[str, Any], keys: Sequence[Key], *, needs_values: bool) -> Iterator[tuple[str, ...]]:
    """Yield each choice of attributes that can be the keys of a layout."""
    texts = {name: text for name, value in image.items() if (text := _read_key(value))}
    constant = [key.name.text for key in keys if key.name.is_constant]
    others = [name for name in texts if name not in constant]
    for added in permutations(others, len(keys) - len(constant)):
        names = _assign(keys, added)
        if all(
            name in texts and key.name.match(name) is not None and (not needs_values or key.value.match(texts[name]))
            for key, name in zip(keys, names, strict=True)
        ):
            yield names


def _assign(keys: Sequence[Key], added: Sequence[str]) -> tuple[str, ...]:
    """Return the name of each key attribute, those with placeholders from `added`."""
    rest = iter(added)
    return tuple([key.name.text if key.name.is_constant else next(rest) for key in keys])


def _read_key(value: Any) -> str:  # noqa: ANN401  # any JSON
    """Return the text of a value that can be a key; empty for another."""
    if not _is_typed(value):
        return ""
    [(kind, inner)] = value.items()
    return inner if kind in _KEY_TYPES and isinstance(inner, str) else ""
