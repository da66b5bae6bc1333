"""One question of the preflight check: each part of the function brings its own.

A part knows best what can be wrong with it and what a person must change; the check only puts the questions in order.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Check(NamedTuple):
    """A question, and what must hold before it is worth asking."""

    name: str
    find: Callable[[], str]
    """Says what it has found; raises a FeatureEventsError that says what to change."""
    needs: Sequence[str] = ()
    """The names of probes without which it is not asked."""
    needs_one: Sequence[str] = ()
    """The names of probes of which one is enough; it is not asked where all of them have failed."""


type Stages = Sequence[Sequence[Check]]
"""Probes in the order in which they are asked; those of one stage at the same time."""


def to_secret_name(setting: str) -> str:
    """Return the name of the probe of a secret: the function's variable, which `setting` has in parentheses."""
    return f"secret {setting.partition('(')[2].rstrip(')')}"
