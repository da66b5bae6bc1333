"""Import a module of an example from its directory, like the example's program."""

from importlib import import_module
from types import ModuleType

import pytest

from local.application.consumers import CONSUMERS


def load(monkeypatch: pytest.MonkeyPatch, example: str, module: str) -> ModuleType:
    """Import the module with this name from the example's directory."""
    monkeypatch.syspath_prepend(str(CONSUMERS / example))
    return import_module(module)
