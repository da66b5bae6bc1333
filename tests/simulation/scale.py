"""The size of the simulation (small in a test run, large in `make prove`), and the reports of its figures."""

import json
import os
from pathlib import Path

FULL = os.environ.get("PROVE", "") == "1"
"""True in `make prove`."""

SEED = int(os.environ.get("PROVE_SEED") or 20251010)
"""The seed of generated input: the same in every test run, a new one in every `make prove`."""

_FIGURES = os.environ.get("PROVE_FIGURES", "")


def scaled(small: int, large: int) -> int:
    """Return the size for a test run or for `make prove`."""
    return large if FULL else small


def report(promise: str, figures: str) -> None:
    """Record the figures of a part of the proof for the table of promises."""
    if _FIGURES:
        with Path(_FIGURES).open("a") as file:
            file.write(json.dumps({"promise": promise, "figures": figures}) + "\n")
