"""Compare stored values as DynamoDB does, whether from a stream record or from a read.

The members of a set have no order, so a stream record and a read may list them differently. Binary is base64 text in a
record and bytes in a read. Numbers need no rule: DynamoDB trims their zeros and returns `1` for 1, 1.0 and 1E0.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import base64
from typing import Any

type Attribute = Any
"""An attribute in DynamoDB's JSON, or a part of one."""

_SETS = ("SS", "NS", "BS")


def are_equal(one: Attribute, other: Attribute) -> bool:
    """Return whether both are the same item, or the same part of one."""
    try:
        if one == other:
            return True
        if type(one) is dict and len(one) == 1:
            [(kind, part)] = one.items()
            if type(part) is str and kind != "B":
                return False  # text or a number, as most values are, has only one form
        return _are_alike(one, other)
    except RecursionError:
        return False  # items cannot be nested this deeply


def _are_alike(one: Attribute, other: Attribute) -> bool:
    """Compare values whose JSON differs, and stop at the first difference."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_are_members_alike(name, one[name], other[name]) for name in one)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_are_alike, one, other))
    return bool(_to_text(one) == _to_text(other))


def _are_members_alike(name: str, one: Attribute, other: Attribute) -> bool:
    if name in _SETS and type(one) is list and type(other) is list:
        return sorted(map(_to_text, one), key=repr) == sorted(map(_to_text, other), key=repr)
    return _are_alike(one, other)


def _to_text(value: Attribute) -> Attribute:
    """Convert binary to base64, as records have it."""
    return base64.b64encode(value).decode() if type(value) is bytes else value
