"""Start an execution environment of the function in this process."""

import importlib
from types import ModuleType

from feature_events.wiring import wire


def start_environment() -> ModuleType:
    """Import the handler's module again with the current environment variables."""
    wire.cache_clear()
    return importlib.reload(importlib.import_module("feature_events.handler"))
