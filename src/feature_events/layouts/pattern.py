"""Text with placeholders: `USER#{entity_id}` matches `USER#u-1` and captures `u-1`.

The same syntax builds texts from captures, so an author of layouts learns only one.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from feature_events.syntax import InvalidValue

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

type Captures = Mapping[str, str]
"""The text that each placeholder captured, by the placeholder's name."""


class Pattern(NamedTuple):
    """A parsed text with placeholders. Each placeholder matches one character or more."""

    text: str
    placeholders: tuple[str, ...]
    """Their names in order, without the unnamed `{}`."""
    regex: re.Pattern[str]

    @property
    def shape(self) -> str:
        """The text without the names of its placeholders. Patterns of the same shape match the same texts."""
        return _PLACEHOLDER.sub("{}", self.text)

    @property
    def matches_all(self) -> bool:
        """True if the pattern matches any text."""
        return self.shape == "{}"

    @property
    def is_constant(self) -> bool:
        """True if the pattern has no placeholder."""
        return "{" not in self.text

    def covers(self, other: "Pattern") -> bool:
        """Return whether this pattern certainly matches all texts that another one matches."""
        return self.matches_all or self.shape == other.shape

    def format(self, captures: Captures) -> str:
        """Return the text with captures in place of placeholders."""
        return self.text.format_map(captures)  # every brace belongs to a placeholder, so nothing else is looked up

    def match(self, text: str) -> Captures | None:
        """Return what the placeholders capture of a text, or None if the text does not match."""
        found = self.regex.fullmatch(text)
        return None if found is None else found.groupdict()


def parse_pattern(text: str) -> Pattern:
    """Parse a text with placeholders.

    If a text matches in several ways, each placeholder but the last captures as little as possible.

    Raises:
        InvalidValue: the text is empty, placeholders are adjacent, or braces do not enclose a name.

    """
    if not text:
        raise InvalidValue("must not be empty")
    if re.search("[\ud800-\udfff]", text):  # JSON can contain lone surrogates, which UTF-8 cannot encode
        raise InvalidValue("must be valid Unicode text")
    literals, names = _PLACEHOLDER.split(text)[::2], _PLACEHOLDER.findall(text)
    if any("{" in literal or "}" in literal for literal in literals):
        raise InvalidValue(f"{text}: unbalanced brace; a placeholder is {{name}} or {{}}")
    if not all(literals[1:-1]):
        raise InvalidValue(f"{text}: adjacent placeholders; separate them by text, or write only one")
    for name in filter(None, names):
        if not _NAME.fullmatch(name):
            raise InvalidValue(
                f"{text}: {{{name}}} is not a valid placeholder; a name has letters, digits and underscores only, and "
                "does not start with a digit"
            )
        if names.count(name) > 1:
            raise InvalidValue(
                f"{text}: duplicate placeholder {{{name}}}; rename one, or write {{}} to ignore its text"
            )
    return Pattern(text, tuple(filter(None, names)), _make_regex(literals, names))


def _make_regex(literals: list[str], names: list[str]) -> re.Pattern[str]:
    """Return the regular expression of a pattern.

    Each placeholder but the last is an atomic group, which prevents backtracking. No match is lost: if the rest of the
    text does not match after the shortest capture, it does not match after a longer one either.
    """
    regex = re.escape(literals[0])
    for position, name in enumerate(names):
        group, literal = f"(?P<{name}>" if name else "(?:", re.escape(literals[position + 1])
        is_last = position == len(names) - 1
        regex += f"{group}.+){literal}" if is_last else f"(?>{group}.+?){literal})"
    return re.compile(regex, re.DOTALL)
