"""Where the local stack keeps what it makes.

Everything but the downloads lives in `.local/` of the checkout, so that removing one directory removes it all; the
downloads are shared by all checkouts of one person.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local"
TOOLS = ROOT / ".venv" / "bin"
LAMBDA_RUNTIME = HOME / "lambda" / "bin"
"""The bin directory of a Python that has what AWS's own python3.13 runtime has, and nothing else."""
DEFAULT_STACK = HOME / "stack"
"""The stack of `make up`, which `make tail` and `make down` look for."""
EPHEMERAL_STACKS = HOME / "stacks"
"""One directory for each stack that ends with its process."""
KEPT_LOGS = HOME / "logs"
"""Logs of ephemeral stacks that ended in an error."""


def cache_directory() -> Path:
    """Where downloads are kept: FEATURE_EVENTS_CACHE, or feature-events in the user's cache directory."""
    chosen = os.environ.get("FEATURE_EVENTS_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "feature-events"
