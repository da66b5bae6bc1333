"""Text with holes: `USER#{entity_id}` takes `USER#u-1` and catches `u-1`, or is filled with it.

One form for names and values, to take apart and to put together, so that whoever writes a layout learns one thing.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_HOLE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidLayout(Exception):
    """What is wrong in a layout and what to write instead; its text follows the place."""


class Pattern(NamedTuple):
    """A text, parsed; each hole takes one character or more."""

    text: str
    holes: tuple[str, ...]
    """Their names in their order; `{}` has none."""
    form: re.Pattern[str]

    @property
    def shape(self) -> str:
        """The text without its holes' names: texts of one shape take the same."""
        return _HOLE.sub("{}", self.text)

    @property
    def takes_all(self) -> bool:
        """Whether it takes any text."""
        return self.shape == "{}"

    @property
    def is_plain(self) -> bool:
        """Whether it has no holes at all."""
        return "{" not in self.text

    def fill(self, caught: Mapping[str, str]) -> str:
        """The text with its holes filled. All braces are its own holes', so that nothing else is looked up."""
        return self.text.format_map(caught)

    def catch(self, text: str) -> Mapping[str, str] | None:
        """What the holes take of this text, by name; None where it does not fit."""
        found = self.form.fullmatch(text)
        return None if found is None else found.groupdict()


def to_pattern(text: str) -> Pattern:
    """Parses a text with holes.

    Where a text fits in several ways, each hole but the last takes as little as it can. Each takes its part for good
    (an atomic group): the first place where the text behind a hole stands is as good as any later one, and no text can
    then cost more than one look at each of its characters a hole.

    Raises:
        InvalidLayout: the text is empty, holes stand side by side, or braces hold no name.

    """
    if not text:
        raise InvalidLayout("must not be empty")
    if not _is_unicode(text):
        raise InvalidLayout("must be valid Unicode text")
    literals, names = _HOLE.split(text)[::2], _HOLE.findall(text)
    if any("{" in literal or "}" in literal for literal in literals):
        raise InvalidLayout(f"{text}: a brace belongs to a hole, so write {{name}} or {{}}")
    if not all(literals[1:-1]):
        raise InvalidLayout(f"{text}: holes stand side by side; put text between them, or make them one")
    for name in filter(None, names):
        if not _NAME.fullmatch(name):
            raise InvalidLayout(f"{text}: a hole's name is letters, digits and underscores, so write {{entity_id}}")
        if names.count(name) > 1:
            raise InvalidLayout(f"{text}: two holes are named {name}; write {{}} for what nothing needs")
    return Pattern(text, tuple(filter(None, names)), _to_form(literals, names))


def _is_unicode(text: str) -> bool:
    """Whether it can be an event's text: JSON can write half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _to_form(literals: list[str], names: list[str]) -> re.Pattern[str]:
    """The regular expression that takes what the text takes."""
    form = re.escape(literals[0])
    for position, name in enumerate(names):
        group, behind = f"(?P<{name}>" if name else "(?:", re.escape(literals[position + 1])
        is_last = position == len(names) - 1
        form += f"{group}.+){behind}" if is_last else f"(?>{group}.+?){behind})"
    return re.compile(form, re.DOTALL)
