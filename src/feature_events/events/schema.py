"""Names the schema that events are written by, and those that are shipped with the function."""

from pathlib import Path
from typing import NamedTuple

from feature_events.setting_values import SchemaId
from feature_events.settings import DEFAULT_SCHEMA_FILE


class Schema(NamedTuple):
    """An Avro schema and the id that the registry gave it."""

    id: SchemaId
    text: str


def read_shipped_schema(file: str) -> str:
    """The text of a shipped schema, by the name of its file."""
    return (Path(__file__).parent / file).read_text()


SHIPPED_SCHEMA = read_shipped_schema(DEFAULT_SCHEMA_FILE)
"""The one that is written by where SCHEMA_FILE names none."""
