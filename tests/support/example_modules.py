"""Imports a module of an example as the example's own program does: from its directory."""

from importlib import import_module
from types import ModuleType

import pytest

from local.application.consumers import CONSUMERS


def load(monkeypatch: pytest.MonkeyPatch, example: str, module: str) -> ModuleType:
    """The module of this name in the example's directory."""
    monkeypatch.syspath_prepend(str(CONSUMERS / example))
    return import_module(module)
