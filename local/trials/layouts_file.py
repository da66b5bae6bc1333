"""Reads table layouts as the function reads its setting: from a file of one's own, or by their names.

Their mistakes are told in the function's own words, so that what is accepted here is accepted there.
"""

from pathlib import Path

from feature_events.errors import Misconfigured
from feature_events.settings.settings import Settings, read_settings
from local.errors import LocalError
from local.paths import ROOT

SHIPPED = ROOT / "schemas" / "table_layouts"


def read_layouts(given: str, features_mode: str) -> Settings:
    """The settings of a function that has these layouts.

    Args:
        given: a file that holds a JSON list of layouts, or names of files in `schemas/table_layouts`.
        features_mode: `all` or `changed`.

    Raises:
        LocalError: there is no such file, or what it holds is invalid.
        OSError: the file cannot be read.

    """
    try:
        return read_settings(
            {
                "KAFKA_BROKER_URL": "localhost:9092",
                "SCHEMA_ID": "1",
                "TABLE_LAYOUTS": _read_text(given),
                "FEATURES_MODE": features_mode,
            }
        )
    except Misconfigured as error:
        raise LocalError(f"{given}: {error}") from error


def _read_text(given: str) -> str:
    names = {file.stem for file in SHIPPED.glob("*.json")}
    if {name.strip().removesuffix(".json") for name in given.split(",")} <= names:
        return given
    path = Path(given)
    if not path.exists():
        raise LocalError(f"{given}: no such file, and no name in schemas/table_layouts: {', '.join(sorted(names))}")
    text = path.read_bytes().decode(errors="replace").strip()
    if not text.startswith(("[", "{")):  # the setting would take it for names
        raise LocalError(f"{given} must hold a JSON list of layouts")
    return text
