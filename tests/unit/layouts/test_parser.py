"""Layouts are parsed, or every mistake is reported with its place and what to write instead."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_events.errors import Misconfigured
from feature_events.layouts.parser import parse_table_layouts
from feature_events.layouts.pattern import Pattern, parse_pattern
from feature_events.layouts.table_layout import (
    Attribute,
    AttributeNames,
    FixedNames,
    JsonNames,
    MapNames,
    TimePath,
    TimeText,
)
from feature_events.settings.settings import read_settings
from feature_events.syntax import InvalidValue

BAD = json.loads((Path(__file__).parent / "bad_layouts.json").read_text())
GOOD: dict[str, Any] = {"keys": {"pk": "{entity_id}"}, "entity_type": "user", "resource_name": "r", "features": "f"}


def to_text(case: dict[str, Any]) -> str:
    """Return the setting of a case: its text, its layouts, or a valid layout with the case's members."""
    return case.get("text") or json.dumps(case.get("layouts") or [GOOD | case["base"]])


@pytest.mark.parametrize("case", BAD, ids=[case["why"] for case in BAD])
def test_read_settings__refuses_a_bad_layout(case: dict[str, Any]) -> None:
    """The error at the start lists each mistake and nothing else."""
    with pytest.raises(Misconfigured) as raised:
        read_settings({"KAFKA_BROKER_URL": "k:1", "SCHEMA_ID": "7", "TABLE_LAYOUTS": to_text(case)})
    _, *mistakes = str(raised.value).split("\n- ")
    assert all(mistake.startswith("TableLayouts (TABLE_LAYOUTS) ") for mistake in mistakes)
    assert [part for part in case["says"] if not any(part in mistake for mistake in mistakes)] == []
    places = {part.split(":")[0] for part in case["says"] if part.startswith("layout ")}
    assert len(mistakes) == max(1, len(places))


def to_patterns(*texts: str) -> tuple[Pattern, ...]:
    """Return parsed texts with placeholders."""
    return tuple([parse_pattern(text) for text in texts])


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("values", MapNames(("values",))),
        ("features.data", MapNames(("features", "data"))),
        ({"path": ["a.b", "c"]}, MapNames(("a.b", "c"))),
        ({"json": "feature_values"}, JsonNames(("feature_values",))),
        ({"json": ["a.b"]}, JsonNames(("a.b",))),
        ({"except": []}, AttributeNames(())),
        ({"except": ["ttl", "a.b", "GSI{}"]}, AttributeNames(to_patterns("ttl", "a.b", "GSI{}"))),
        ({"names": ["{entity_id}", "a.b"]}, FixedNames(to_patterns("{entity_id}", "a.b"))),
        ({"names": ["a"], "except": ["ttl"]}, FixedNames(to_patterns("a"), to_patterns("ttl"))),
        ({"except": ["__edb_{}__"], "names": ["a"]}, FixedNames(to_patterns("a"), to_patterns("__edb_{}__"))),
    ],
)
def test_parse_table_layouts__parses_each_form_of_features(features: object, expected: object) -> None:
    """Dots separate the names of a path, unless the path is a list."""
    [layout] = parse_table_layouts(json.dumps([GOOD | {"features": features}]))
    assert layout.features == expected


@pytest.mark.parametrize(
    ("updated_at", "expected"),
    [
        ("at", [TimePath(("at",), None)]),
        (["a.at", "b"], [TimePath(("a", "at"), None), TimePath(("b",), None)]),
        ([["a.at"]], [TimePath(("a.at",), None)]),
        ([["{odd}"]], [TimePath(("{odd}",), None)]),
        ({"path": "at"}, [TimePath(("at",), None)]),
        ({"path": "at", "unit": "us"}, [TimePath(("at",), "us")]),
        ([{"path": ["a.at"], "unit": "s"}, "b"], [TimePath(("a.at",), "s"), TimePath(("b",), None)]),
        ({"text": "{entity_id}"}, [TimeText(parse_pattern("{entity_id}"), None)]),
        (
            ["b", {"text": "{entity_id}", "unit": "s"}],
            [TimePath(("b",), None), TimeText(parse_pattern("{entity_id}"), "s")],
        ),
    ],
)
def test_parse_table_layouts__parses_each_form_of_a_time(updated_at: object, expected: list[object]) -> None:
    """One path, several in order, numbers with a unit, and captured text."""
    [layout] = parse_table_layouts(json.dumps([GOOD | {"updated_at": updated_at}]))
    assert list(layout.updated_at) == expected


def test_parse_table_layouts__parses_attributes() -> None:
    """Their values have placeholders, as those of keys."""
    [layout] = parse_table_layouts(json.dumps([GOOD | {"attributes": {"a.b": "User", "id": "u-{id}"}}]))
    assert layout.attributes == (
        Attribute("a.b", parse_pattern("User")),
        Attribute("id", parse_pattern("u-{id}")),
    )


@pytest.mark.parametrize("name", ["default", "default.json", " default "])
def test_parse_table_layouts__reads_files_by_name(name: str) -> None:
    """The files in `schemas/table_layouts` are deployed with the function."""
    assert parse_table_layouts(name) == parse_table_layouts("default")


def test_parse_table_layouts__keeps_the_order_of_layouts() -> None:
    """The first layout that fits is used, so the order counts."""
    layouts = parse_table_layouts(json.dumps([GOOD | {"table": name} for name in ("b", "a", "c")]))
    assert [layout.table.text for layout in layouts] == ["b", "a", "c"]


WORDS = st.sampled_from(
    ["{}", "{entity_id}", "{entity_type}", "{x}", "a", "a.b", "", "{", "USER#{entity_id}", "\ud800"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            WORDS
            | st.sampled_from(["path", "text", "unit", "except", "names", "json", "pk", "sk"])
            | st.text(max_size=4),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    [*"abc", "table", "attributes", "entity_type", "entity_id", "resource_name", "updated_at", "compute_id"]
)
LAYOUTS = st.lists(
    st.builds(
        lambda some, keys, features: GOOD | some | keys | features,
        st.dictionaries(MEMBERS, VALUES, max_size=4),
        st.fixed_dictionaries({}, optional={"keys": st.dictionaries(WORDS, WORDS, max_size=3) | VALUES}),
        st.fixed_dictionaries({}, optional={"features": VALUES}),
    ),
    max_size=3,
)


@settings(max_examples=1500, deadline=None)
@given(layouts=LAYOUTS | st.lists(VALUES, max_size=2))
def test_parse_table_layouts__accepts_or_refuses_any_json(layouts: Any) -> None:  # noqa: ANN401  # any JSON
    """Any JSON is a list of layouts or raises InvalidValue."""
    with contextlib.suppress(InvalidValue):
        assert parse_table_layouts(json.dumps(layouts))


@settings(max_examples=500, deadline=None)
@given(text=st.text(max_size=20) | st.text("[]{}\"'\\:,0ax", max_size=12))
def test_parse_table_layouts__accepts_or_refuses_any_text(text: str) -> None:
    """Any text is a list of layouts or raises InvalidValue."""
    with contextlib.suppress(InvalidValue):
        assert parse_table_layouts(text)


def test_parse_table_layouts__ignores_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some editors begin a file with one, which is then also part of a parameter that is read from the file."""
    text = json.dumps([GOOD])
    monkeypatch.setattr("feature_events.layouts.parser.SHIPPED", tmp_path)
    (tmp_path / "mine.json").write_text(text, encoding="utf-8-sig")
    assert parse_table_layouts("mine") == parse_table_layouts(f"\ufeff{text}") == parse_table_layouts(text)
