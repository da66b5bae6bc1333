"""Directories of the local stack.

Downloads are shared by all checkouts of a user. Everything else is in `.local/` of the checkout, so removing that
directory removes all of it.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local"
TOOLS = ROOT / ".venv" / "bin"
LAMBDA_RUNTIME = HOME / "lambda" / "bin"
"""The bin directory of a Python with the packages of AWS's python3.13 runtime, and no others."""
DEFAULT_STACK = HOME / "stack"
"""The directory of the stack that `make up` starts."""
EPHEMERAL_STACKS = HOME / "stacks"
"""The parent directory of stacks that end with their process."""
KEPT_LOGS = HOME / "logs"
"""Logs of ephemeral stacks that failed."""


def cache_directory() -> Path:
    """Return the directory for downloads and reserved ports, which all checkouts of a user share.

    It is FEATURE_EVENTS_CACHE, or feature-events in the user's cache directory.
    """
    chosen = os.environ.get("FEATURE_EVENTS_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "feature-events"
