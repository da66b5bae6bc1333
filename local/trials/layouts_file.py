"""Read table layouts as the function does, from a file or by name.

The function's own code parses them and reports mistakes, so it accepts the same layouts when it is deployed.
"""

import json
from pathlib import Path

from feature_events.errors import Misconfigured
from feature_events.settings.settings import Settings, read_settings
from local.errors import LocalError
from local.paths import ROOT
from local.trials.json_file import read_text

SHIPPED = ROOT / "schemas" / "table_layouts"


def read_layouts(source: str, features_mode: str, removals: str = "none") -> Settings:
    """Return the settings of a function with these layouts.

    Args:
        source: a file with a JSON list of layouts, or names of files in `schemas/table_layouts`.
        features_mode: `all` or `changed`.
        removals: `none` or `events`.

    Raises:
        LocalError: the file does not exist, or its layouts are invalid.
        OSError: the file cannot be read.

    """
    try:
        return read_settings(
            {
                "KAFKA_BROKER_URL": "localhost:9092",
                "SCHEMA_ID": "1",
                "TABLE_LAYOUTS": _read_text(source),
                "FEATURES_MODE": features_mode,
                "REMOVALS": removals,
            }
        )
    except Misconfigured as error:
        raise LocalError(f"{source}: {error}") from error


def read_layouts_text(source: str) -> str:
    """Return the parameter `TableLayouts` for these layouts. See `read_layouts`."""
    read_layouts(source, "all")
    text = _read_text(source)
    return text if text == source else json.dumps(json.loads(text), separators=(",", ":"))


def _read_text(source: str) -> str:
    names = {file.stem for file in SHIPPED.glob("*.json")}
    if {name.strip().removesuffix(".json") for name in source.split(",")} <= names:
        return source
    path = Path(source)
    if not path.exists():
        raise LocalError(f"{source}: no such file, and not a name in schemas/table_layouts: {', '.join(sorted(names))}")
    text = read_text(path).strip()
    if not text.startswith(("[", "{")):  # the function would read it as names of files
        raise LocalError(f"{source} must contain a JSON list of layouts")
    return text
