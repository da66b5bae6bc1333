"""Fixtures: the modules of the example, and a function that starts it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace

import pytest

from tests.consumers.current_state.run import Run, Start
from tests.support.example_modules import load

NAME = "current-state"


@pytest.fixture(scope="module")
def modules() -> Iterator[SimpleNamespace]:
    """Import the modules of the example."""
    with pytest.MonkeyPatch.context() as patch:
        yield SimpleNamespace(state=load(patch, NAME, "item_state"), program=load(patch, NAME, "current_state"))


@pytest.fixture
def start(modules: SimpleNamespace) -> Iterator[Start]:
    """Return a function that starts the example on a topic."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Run(modules, *arguments)))
