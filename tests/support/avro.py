"""Avro with plain fastavro, for expected values."""

import json
from io import BytesIO
from typing import Any, NamedTuple

import fastavro


class Avro(NamedTuple):
    """Avro encoding and decoding with one schema, without a prefix."""

    schema: Any

    def write(self, record: dict[str, Any]) -> bytes:
        """Encode a record."""
        data = BytesIO()
        fastavro.schemaless_writer(data, self.schema, record)
        return data.getvalue()

    def read(self, data: bytes) -> Any:  # noqa: ANN401  # depends on the schema
        """Decode a record that ends with the last byte."""
        stream = BytesIO(data)
        record = fastavro.schemaless_reader(stream, self.schema, None)
        assert stream.read() == b""
        return record


def read_avro(text: str) -> Avro:
    """Parse a schema from JSON text."""
    return Avro(fastavro.parse_schema(json.loads(text)))
