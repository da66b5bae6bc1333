"""How much of the proof is run, and what it came to: small in every test run, large in `make prove`."""

import json
import os
from pathlib import Path

FULL = os.environ.get("PROVE", "") == "1"
"""Whether this is `make prove`."""

SEED = int(os.environ.get("PROVE_SEED") or 20251010)
"""What the generated input follows from: the same in every run of the tests, another in every run of `make prove`."""

_FIGURES = os.environ.get("PROVE_FIGURES", "")


def scaled(small: int, large: int) -> int:
    """A size: of the tests, or of `make prove`."""
    return large if FULL else small


def report(promise: str, figures: str) -> None:
    """Keeps what a part of the proof came to, for the table of promises."""
    if _FIGURES:
        with Path(_FIGURES).open("a") as file:
            file.write(json.dumps({"promise": promise, "figures": figures}) + "\n")
