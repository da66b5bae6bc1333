"""An execution environment of the function, started in this process as Lambda starts one."""

import importlib
from types import ModuleType

from feature_events.wiring import wire


def start_environment() -> ModuleType:
    """The handler's module, imported again under the environment variables."""
    wire.cache_clear()
    return importlib.reload(importlib.import_module("feature_events.handler"))
