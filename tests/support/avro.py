"""Avro by fastavro in its plainest use, to compare with."""

import json
from io import BytesIO
from typing import Any, NamedTuple

import fastavro


class Avro(NamedTuple):
    """Writes and reads bare records of one schema."""

    schema: Any

    def write(self, record: dict[str, Any]) -> bytes:
        """A record's bytes."""
        data = BytesIO()
        fastavro.schemaless_writer(data, self.schema, record)
        return data.getvalue()

    def read(self, data: bytes) -> Any:  # noqa: ANN401  # whatever the schema says
        """The record that these bytes are, to the last of them."""
        stream = BytesIO(data)
        record = fastavro.schemaless_reader(stream, self.schema, None)
        assert stream.read() == b""
        return record


def read_avro(text: str) -> Avro:
    """Avro under a schema given as JSON text."""
    return Avro(fastavro.parse_schema(json.loads(text)))
