"""JSON is parsed, or an error names the place without repeating a value."""

import pytest

from feature_events.syntax import InvalidJson, parse_json


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1, column 1: Expecting value"),
        ('{"a": "hidden"\n x', "line 2, column 2: Expecting ',' delimiter"),
        ('[{"table": "hidden",}]', "line 1, column 20: Illegal trailing comma before end of object"),
        (b'"\xff"', "not valid UTF-8"),
        ("[" * 60_000, "nested too deeply"),
        ('{"a":' * 60_000, "nested too deeply"),
        ("9" * 5000, "a number has too many digits"),
    ],
    ids=range(7),
)
def test_parse_json__names_the_place(text: str | bytes, why: str) -> None:
    """The place is a line and a column, if the error has one."""
    with pytest.raises(InvalidJson) as raised:
        parse_json(text)
    assert str(raised.value).startswith(f"invalid JSON ({why}")
    assert "hidden" not in str(raised.value)


def test_parse_json__refuses_a_name_that_occurs_twice() -> None:
    """Only on request: JSON allows it, and Python takes the last value."""
    assert parse_json('{"a": 1, "a": 2}') == {"a": 2}
    assert parse_json('{"a": 1, "b": {"a": 2}}', unique_names=True) == {"a": 1, "b": {"a": 2}}
    with pytest.raises(InvalidJson, match=r"^a, b is written twice in one object; keep one$"):
        parse_json('[{"a": 1, "b": 1, "c": 1, "b": 2, "a": 2}]', unique_names=True)
