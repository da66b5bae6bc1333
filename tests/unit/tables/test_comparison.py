"""Test the comparison of values from records and reads."""

import base64
from typing import Any

import pytest

from feature_events.tables.comparison import are_equal

BINARY = base64.b64encode(b"\0\xff").decode()
DEEP: Any = {"S": "x"}
OTHER_DEEP: Any = {"S": "y"}
for _ in range(3000):
    DEEP, OTHER_DEEP = {"M": {"a": DEEP}}, {"M": {"a": OTHER_DEEP}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"N": "1"}),
        ({"SS": ["a", "b", "c"]}, {"SS": ["c", "a", "b"]}),
        ({"NS": ["1", "-2"]}, {"NS": ["-2", "1"]}),
        ({"BS": [BINARY, "AAEC"]}, {"BS": [b"\0\1\2", b"\0\xff"]}),
        ({"B": BINARY}, {"B": b"\0\xff"}),
        ({"L": [{"M": {"x": {"SS": ["a", "b"]}}}]}, {"L": [{"M": {"x": {"SS": ["b", "a"]}}}]}),
        ({"M": {"SS": {"SS": ["a", "b"]}}}, {"M": {"SS": {"SS": ["b", "a"]}}}),
        ({"a": {"S": "1"}, "b": {"SS": ["a", "b"]}}, {"b": {"SS": ["b", "a"]}, "a": {"S": "1"}}),
    ],
)
def test_are_equal__accepts_equal_values(one: object, other: object) -> None:
    """The order of sets and maps does not matter, and binary is base64 or bytes."""
    assert are_equal(one, other)
    assert are_equal(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"N": "2"}),
        ({"N": "1"}, {"S": "1"}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"SS": ["a", "b"]}, {"SS": ["a", "c"]}),
        ({"SS": ["a", "b"]}, {"SS": ["a"]}),
        ({"SS": ["a", "a", "b"]}, {"SS": ["a", "b", "b"]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"L": [{"S": "a"}]}, {"L": [{"S": "a"}, {"S": "b"}]}),
        ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}),
        ({"M": {"SS": {"L": [{"S": "a"}, {"S": "b"}]}}}, {"M": {"SS": {"L": [{"S": "b"}, {"S": "a"}]}}}),
        ({"B": BINARY}, {"B": b"\0"}),
        ({"SS": 1}, {"SS": ["a"]}),
        ({"SS": [1, "a"]}, {"SS": ["a", "1"]}),
        ({"M": {}}, {"M": []}),
        ({}, None),
        (DEEP, OTHER_DEEP),
    ],
)
def test_are_equal__rejects_different_values(one: object, other: object) -> None:
    """The order of a list and all types matter. Values that no item can contain raise no exception."""
    assert not are_equal(one, other)
    assert not are_equal(other, one)
