"""Parse JSON that others wrote, with one error for everything that can be wrong with it.

`json.loads` raises RecursionError for deep nesting and a plain ValueError for a number of thousands of digits. If a
name occurs twice in an object, it silently takes the last value.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any


class InvalidJson(Exception):
    """The reason why a text is not the JSON that it should be; no value is repeated."""


def parse_json(text: str | bytes, *, unique_names: bool = False) -> Any:  # noqa: ANN401  # any JSON
    """Parse a JSON document.

    Args:
        text: the document; bytes in UTF-8, UTF-16 or UTF-32.
        unique_names: whether to refuse an object in which a name occurs twice.

    Raises:
        InvalidJson: the text is not JSON, or exceeds what Python can parse.

    """
    try:
        return json.loads(text, object_pairs_hook=_to_object if unique_names else None)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"invalid JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise InvalidJson("invalid JSON (nested too deeply)") from None
    except UnicodeDecodeError:
        raise InvalidJson("invalid JSON (not valid UTF-8)") from None
    except ValueError:
        raise InvalidJson("invalid JSON (a number has too many digits)") from None


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidJson(f"{', '.join(twice)} is written twice in one object; keep one")
    return found


type Members = Mapping[str, tuple[Callable[[Any], bool], str]]
"""What an object may contain: by name, the check of a value, and the form that a message names."""


def find_mistakes(given: Mapping[str, Any], members: Members) -> list[str]:
    """Return a message for each unknown member of an object and for each invalid value."""
    unknown = [f"{name} is unknown" for name in given if name not in members]
    invalid = [
        f"{name} must be {form}"
        for name, (is_valid, form) in members.items()
        if name in given and not is_valid(given[name])
    ]
    return unknown + invalid
