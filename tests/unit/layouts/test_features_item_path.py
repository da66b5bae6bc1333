"""A map is found by its path, as the former service left it too."""

from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeSerializer

from feature_events.errors import PoisonRecord
from feature_events.layouts.features import find_map

type Json = dict[str, Any]

VALUES = {"age": 30, "city": "Pune", "vip": True, "gone": None, "tags": {"a", "b"}, "list": [1, "x"], "map": {"k": 1}}
serialize = TypeSerializer().serialize


def once(values: Json) -> Json:
    """Attributes by name, as a table has them."""
    return {name: serialize(value) for name, value in values.items()}


def twice(values: Json) -> Json:
    """The map of a row whose values were serialized before the row was."""
    return cast("Json", serialize({"M": once(values)})["M"])


def test_find_map__reads_what_was_serialized_twice() -> None:
    """Names, and values that are no collections, are those that were meant."""
    found = find_map({"data": {"M": twice(VALUES)}}, ("data",))
    assert found is not None
    assert list(found) == list(VALUES)
    assert {name: found[name] for name in ("age", "city", "vip", "gone")} == {
        "age": {"N": "30"},
        "city": {"S": "Pune"},
        "vip": {"BOOL": True},
        "gone": {"NULL": True},
    }


@pytest.mark.parametrize("path", [("features", "data"), ("features", "meta")])
def test_find_map__reads_the_last_step(path: tuple[str, ...]) -> None:
    """Whichever map it is; where all of the map around it was serialized twice, none of it is found."""
    assert find_map({"features": {"M": twice({path[1]: {"a": 1}})}}, path) is None
    assert find_map({"features": {"M": {path[1]: {"M": twice({"a": 1})}}}}, path) == {"a": {"N": "1"}}


@pytest.mark.parametrize(
    "attributes",
    [
        {"M": {"N": "1"}},
        {"M": {"S": "text"}},
        {"M": {"M": {"a": {"N": "1"}}}},
        {"M": {"M": {"a": {"M": {"x": {"N": "1"}}}}}},
        {"M": {"M": {"a": {"M": {"N": {"S": "1"}, "S": {"S": "x"}}}}}},
        {"M": {"M": {"a": {"M": {"N": {"S": "1"}}}, "b": {"N": "1"}}}},
        {"M": {"M": {"a": {"M": {"N": {"S": "1"}}}}}, "other": {"N": "1"}},
        {"M": {"M": {"a": {"M": {"N": "1"}}}}},
        {"M": {"M": {"a": {"M": {}}}}},
        {"M": {"M": {"a": {"M": {"N": {"L": []}}}}}},
        {"M": {"M": {"a": {"M": {"X": {"S": "x"}}}}}},
        {"M": {"M": []}},
        {"M": "M"},
    ],
)
def test_find_map__leaves_a_feature_that_is_called_m(attributes: Json) -> None:
    """Only where every value is an attribute in an attribute was it serialized twice."""
    assert find_map({"data": {"M": attributes}}, ("data",)) == attributes


@pytest.mark.parametrize("item", [{}, {"a": {"NULL": True}}, {"a": {"M": {}}}, {"a": {"M": {"b": {"NULL": True}}}}])
def test_find_map__finds_nothing(item: Json) -> None:
    """A step that is absent or NULL."""
    assert find_map(item, ("a", "b")) is None


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"a": {"S": "x"}}, "a.b: a is not a map"),
        ({"a": "x"}, "a.b: a is not an attribute value"),
        ({"a": {"M": {"b": {"L": []}}}}, "a.b: b is not a map"),
        ({"a": {"M": {"b": {}}}}, "a.b: b is not a map"),
    ],
)
def test_find_map__refuses_what_is_no_map(item: Json, reason: str) -> None:
    """The message has the path and the step, and nothing of the item."""
    with pytest.raises(PoisonRecord, match=f"^{reason}$"):
        find_map(item, ("a", "b"))
