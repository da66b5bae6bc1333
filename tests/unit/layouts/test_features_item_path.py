"""Maps are found by their paths, even if the former service serialized them twice."""

from typing import Any, cast

import pytest
from boto3.dynamodb.types import TypeSerializer

from feature_events.errors import PoisonRecord
from feature_events.layouts.features import find_map

type Json = dict[str, Any]

VALUES = {"age": 30, "city": "Pune", "vip": True, "gone": None, "tags": {"a", "b"}, "list": [1, "x"], "map": {"k": 1}}
serialize = TypeSerializer().serialize


def to_attributes(values: Json) -> Json:
    """Return attributes as a table stores them."""
    return {name: serialize(value) for name, value in values.items()}


def to_attributes_twice(values: Json) -> Json:
    """Return the map of an item whose values were serialized before the item was."""
    return cast("Json", serialize({"M": to_attributes(values)})["M"])


def test_find_map__undoes_a_second_serialization() -> None:
    """Names and scalar values are the original ones."""
    found = find_map({"data": {"M": to_attributes_twice(VALUES)}}, ("data",), repairs=True)
    assert found is not None
    assert list(found) == list(VALUES)
    assert {name: found[name] for name in ("age", "city", "vip", "gone")} == {
        "age": {"N": "30"},
        "city": {"S": "Pune"},
        "vip": {"BOOL": True},
        "gone": {"NULL": True},
    }


@pytest.mark.parametrize("path", [("features", "data"), ("features", "meta")])
def test_find_map__undoes_it_only_at_the_end_of_the_path(path: tuple[str, ...]) -> None:
    """If an outer map was serialized twice, the path leads nowhere."""
    assert find_map({"features": {"M": to_attributes_twice({path[1]: {"a": 1}})}}, path, repairs=True) is None
    inner = {"features": {"M": {path[1]: {"M": to_attributes_twice({"a": 1})}}}}
    assert find_map(inner, path, repairs=True) == {"a": {"N": "1"}}


def test_find_map__returns_a_map_as_it_is_stored_by_default() -> None:
    """Only this project's own tables contain maps that were serialized twice."""
    attributes = to_attributes_twice(VALUES)
    assert find_map({"data": {"M": attributes}}, ("data",)) == attributes


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
def test_find_map__accepts_a_feature_named_m(attributes: Json) -> None:
    """A map was serialized twice only if each of its values is a serialized attribute."""
    assert find_map({"data": {"M": attributes}}, ("data",), repairs=True) == attributes


@pytest.mark.parametrize("item", [{}, {"a": {"NULL": True}}, {"a": {"M": {}}}, {"a": {"M": {"b": {"NULL": True}}}}])
def test_find_map__returns_none_if_a_step_is_absent(item: Json) -> None:
    """NULL counts as absent."""
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
def test_find_map__refuses_other_types(item: Json, reason: str) -> None:
    """The message names the path and the step, and quotes no value."""
    with pytest.raises(PoisonRecord, match=f"^{reason}$"):
        find_map(item, ("a", "b"))
