"""Find members of layouts that are valid, but probably not what their author meant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations

from feature_events.layouts.pattern import Pattern
from feature_events.layouts.table_layout import AttributeNames, FixedNames, Key, TableLayout, TimeText

_ANY_TEXT = "\ue000"
"""Stands for any text that a placeholder captures. Layouts do not contain this character, which has no meaning."""


def find_hidden(layouts: Sequence[TableLayout]) -> Iterator[str]:
    """Yield a remark for each layout that is never used, because an earlier one applies to all of its items."""
    for number, layout in enumerate(layouts, 1):
        for earlier, other in enumerate(layouts[: number - 1], 1):
            if _hides(other, layout):
                reason = f"layout {earlier} applies to all of its items"
                yield f"layout {number} is never used, because {reason}: write layout {number} first"
                break


def _hides(earlier: TableLayout, later: TableLayout) -> bool:
    values = dict(later.attributes)
    return (
        _covers(earlier.table, later.table)
        and any(_cover_keys(earlier.keys, keys) for keys in permutations(later.keys))
        and all(name in values and _covers(value, values[name]) for name, value in earlier.attributes)
    )


def _cover_keys(earlier: Sequence[Key], later: Sequence[Key]) -> bool:
    return len(earlier) == len(later) and all(
        _covers(key.name, other.name) and _covers(key.value, other.value)
        for key, other in zip(earlier, later, strict=True)
    )


def _covers(pattern: Pattern, other: Pattern) -> bool:
    """Return whether a pattern matches all texts that another one matches: it then matches any text in placeholders."""
    parts = other.shape.split("{}")
    return pattern.match(_ANY_TEXT.join(parts)) is not None


def find_unused_exclusions(layout: TableLayout, number: int, names: Collection[str]) -> Iterator[str]:
    """Yield a remark for each name in `except` that none of these attributes has."""
    features = layout.features
    excluded = features.excluded if isinstance(features, AttributeNames | FixedNames) else ()
    for each in excluded:
        if names and not any(each.match(name) is not None for name in names):
            yield f"layout {number}: {each.text} in except matches no attribute of these items"


def find_constants(layout: TableLayout, number: int, names: Mapping[str, bool]) -> Iterator[str]:
    """Yield a remark for each text that is probably meant to come from the item.

    Args:
        layout: the layout.
        number: its number.
        names: the attributes of its items, each with whether it is a key.

    """
    if layout.entity_id.is_constant:
        text = layout.entity_id.text
        yield f"layout {number}: entity_id is the text {text} for every item; {_suggest(text, 'entity_id', names)}"
    for member, pattern in (("entity_type", layout.entity_type), ("resource_name", layout.resource_name)):
        if pattern.is_constant and names.get(pattern.text) is False:
            text = pattern.text
            yield f"layout {number}: {member} is the text {text} for every item; {_suggest(text, member, names)}"
    captured = _find_placeholders(layout)
    if isinstance(layout.features, FixedNames):
        for name in layout.features.names:
            if name.is_constant and (name.text in captured or names.get(name.text)):
                captured_text = f"for captured text, write {{{name.text}}}"
                yield f"layout {number}: all items have the feature {name.text}; {captured_text}"
    for time in layout.updated_at:
        if isinstance(time, TimeText) and time.text.is_constant:
            yield f"layout {number}: updated_at is the text {time.text.text} for every item; write placeholders in it"


def _suggest(text: str, member: str, names: Mapping[str, bool]) -> str:
    """Return how to write that a member is the value of an attribute."""
    if text not in names:
        return f'if it is an attribute, write {{"NAME": "{{{member}}}"}} in keys or attributes'
    place = "keys" if names[text] else "attributes"
    return f'if it is an attribute, write {{"{text}": "{{{member}}}"}} in {place}'


def _find_placeholders(layout: TableLayout) -> set[str]:
    patterns = [
        layout.table,
        *[each for key in layout.keys for each in key],
        *[each.value for each in layout.attributes],
    ]
    return {name for pattern in patterns for name in pattern.placeholders}
