"""A text with holes takes a text apart, or it does not fit."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_events.layouts.pattern import InvalidLayout, to_pattern


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
def test_catch__takes_a_text_apart(pattern: str, text: str, expected: dict[str, str] | None) -> None:
    """Each hole takes one character or more, the last what is left, each other one as little as it can."""
    assert to_pattern(pattern).catch(text) == expected


@settings(deadline=None)
@given(
    literals=st.lists(st.text("#a", min_size=1, max_size=2), min_size=2, max_size=4),
    ends=st.tuples(st.text("#a", max_size=1), st.text("#a", max_size=1)),
    text=st.text("#ab", max_size=12),
)
def test_catch__takes_what_a_search_with_backtracking_takes(
    literals: list[str], ends: tuple[str, str], text: str
) -> None:
    """What a hole has taken is never given back, and yet nothing that fits is missed."""
    names = [f"h{number}" for number in range(len(literals) + 1)]
    parts = [ends[0]]
    form = re.escape(ends[0])
    for name, literal in zip(names, [*literals, ends[1]], strict=True):
        parts.append(f"{{{name}}}{literal}")
        form += f"(?P<{name}>.+{'' if name == names[-1] else '?'}){re.escape(literal)}"
    found = re.fullmatch(form, text, re.DOTALL)
    assert to_pattern("".join(parts)).catch(text) == (None if found is None else found.groupdict())


@settings(deadline=None)
@given(values=st.lists(st.text("ab", min_size=1, max_size=3), min_size=3, max_size=3))
def test_fill__puts_together_what_catch_takes_apart(values: list[str]) -> None:
    """Filled and caught again, each hole holds what it held."""
    caught = dict(zip("xyz", values, strict=True))
    pattern = to_pattern("<{x}|{y}|{z}>")
    assert pattern.catch(pattern.fill(caught)) == caught


def test_catch__looks_at_a_long_text_a_few_times_at_most() -> None:
    """A key of 2,048 bytes that fits six holes up to its end does not cost a second, nor a millionth of all ways."""
    pattern = to_pattern("{a}#{b}#{c}#{d}#{e}#{f}!")
    started = time.process_time()
    assert pattern.catch("#" * 2048) is None
    assert time.process_time() - started < 60


@pytest.mark.parametrize("text", ["", "{a}{b}", "{}{a}", "{a b}", "{1}", "{a}-{a}", "{", "}", "a{b", "{{a}}", "\ud800"])
def test_to_pattern__refuses_what_has_no_meaning(text: str) -> None:
    """Holes side by side, two of one name, and braces that are none."""
    with pytest.raises(InvalidLayout):
        to_pattern(text)
