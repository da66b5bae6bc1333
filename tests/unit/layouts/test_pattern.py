"""Patterns match texts, and build texts from captures."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_events.layouts.pattern import parse_pattern
from feature_events.syntax import InvalidValue


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("{entity_id}", "u-1", {"entity_id": "u-1"}),
        ("USER#{entity_id}", "USER#u#1", {"entity_id": "u#1"}),
        ("USER#{entity_id}", "MERCHANT#1", None),
        ("USER#{entity_id}", "USER#", None),
        ("{a}#{b}", "x#y#z", {"a": "x", "b": "y#z"}),
        ("{a}#{b}", "#y", None),
        ("{a}##{b}#", "x###y#", {"a": "x", "b": "#y"}),
        ("TENANT#{}#USER#{id}", "TENANT#a#b#USER#u", {"id": "u"}),
        ("LATEST", "LATEST", {}),
        ("LATEST", "LATEST2", None),
        ("a.c", "abc", None),
        ("{}", "", None),
        ("{x}", "line\nline", {"x": "line\nline"}),
        ("{x} ", "ü ", {"x": "ü"}),
    ],
)
def test_match__captures_text(pattern: str, text: str, expected: dict[str, str] | None) -> None:
    """Each placeholder captures at least one character: the last as much, the others as little as possible."""
    assert parse_pattern(pattern).match(text) == expected


@settings(deadline=None)
@given(
    literals=st.lists(st.text("#a", min_size=1, max_size=2), min_size=2, max_size=4),
    ends=st.tuples(st.text("#a", max_size=1), st.text("#a", max_size=1)),
    text=st.text("#ab", max_size=12),
)
def test_match__agrees_with_a_search_with_backtracking(literals: list[str], ends: tuple[str, str], text: str) -> None:
    """Atomic groups miss no match."""
    names = [f"p{number}" for number in range(len(literals) + 1)]
    parts = [ends[0]]
    regex = re.escape(ends[0])
    for name, literal in zip(names, [*literals, ends[1]], strict=True):
        parts.append(f"{{{name}}}{literal}")
        regex += f"(?P<{name}>.+{'' if name == names[-1] else '?'}){re.escape(literal)}"
    found = re.fullmatch(regex, text, re.DOTALL)
    assert parse_pattern("".join(parts)).match(text) == (None if found is None else found.groupdict())


@settings(deadline=None)
@given(values=st.lists(st.text("ab", min_size=1, max_size=3), min_size=3, max_size=3))
def test_format__reverses_match(values: list[str]) -> None:
    """A text that was formatted with captures yields the same captures."""
    captures = dict(zip("xyz", values, strict=True))
    pattern = parse_pattern("<{x}|{y}|{z}>")
    assert pattern.match(pattern.format(captures)) == captures


def test_match__is_fast_for_a_long_text() -> None:
    """A key of 2,048 bytes that matches six placeholders except for its end does not cause exponential backtracking."""
    pattern = parse_pattern("{a}#{b}#{c}#{d}#{e}#{f}!")
    started = time.process_time()
    assert pattern.match("#" * 2048) is None
    assert time.process_time() - started < 60


@pytest.mark.parametrize("text", ["", "{a}{b}", "{}{a}", "{a b}", "{1}", "{a}-{a}", "{", "}", "a{b", "{{a}}", "\ud800"])
def test_parse_pattern__refuses_invalid_text(text: str) -> None:
    """Adjacent placeholders, duplicate or invalid names, and other braces."""
    with pytest.raises(InvalidValue):
        parse_pattern(text)
