"""Names the schema that events are written by, and the one that is shipped with the function."""

from pathlib import Path
from typing import NamedTuple

from feature_events.setting_values import SchemaId

SHIPPED_SCHEMA = (Path(__file__).parent / "feature_trigger.avsc").read_text()


class Schema(NamedTuple):
    """An Avro schema and the id that the registry gave it."""

    id: SchemaId
    text: str
