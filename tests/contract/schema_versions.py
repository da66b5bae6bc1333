"""Schema versions with an event and its bytes, and the table of which version reads which.

As a program, this writes the table into docs/consuming.md. The bytes were written by Apache Avro for Python, the
reference implementation. Besides the shipped schemas, there are others that a registry may have: in another order, with
some of the later fields, or with a field of a team's own.
"""

import json
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import avro.io
import avro.schema
import fastavro

from feature_events.events.schema import SCHEMA_FILES
from local.paths import ROOT

DOCUMENT = ROOT / "docs" / "consuming.md"
MARKERS = (
    "<!-- schema versions: written by `make versions` -->\n",
    "<!-- end of schema versions -->",
)
_SCHEMAS = ROOT / "schemas"
_PREFIX_BYTES = 5
"""The length of Confluent's prefix: a zero byte and the schema's id."""


class Version(NamedTuple):
    """A schema version, and an event that was written with it."""

    name: str
    schema: dict[str, Any]
    event: dict[str, Any]
    avro: bytes


def read_versions() -> Sequence[Version]:
    """Return the shipped versions and the others."""
    shipped = zip(("1", "2"), SCHEMA_FILES, ("user.json", "v2/modify.json"), strict=True)
    others = [_read(path) for path in sorted(Path(__file__).with_suffix("").glob("*.json"))]
    return [
        *[_to_version(name, _read(_SCHEMAS / file), _read(_SCHEMAS / "examples" / it)) for name, file, it in shipped],
        *[Version(each["name"], each["schema"], each["event"], bytes.fromhex(each["bytes"])) for each in others],
    ]


def _read(path: Path) -> Any:  # noqa: ANN401  # any JSON
    return json.loads(path.read_text())


def _to_version(name: str, schema: dict[str, Any], example: dict[str, Any]) -> Version:
    return Version(name, schema, example["event"], bytes.fromhex(example["bytes"])[_PREFIX_BYTES:])


def read_by_fastavro(writer: Version, reader: Version) -> Any:  # noqa: ANN401  # an Avro value
    """Read all bytes of the writer's event with the reader's schema."""
    stream = BytesIO(writer.avro)
    read = fastavro.schemaless_reader(stream, writer.schema, reader.schema)
    return _to_end(stream, read)


def read_by_apache(writer: Version, reader: Version) -> Any:  # noqa: ANN401  # an Avro value
    """Read them with Apache Avro."""
    stream = BytesIO(writer.avro)
    written, read = (avro.schema.parse(json.dumps(each.schema)) for each in (writer, reader))
    return _to_end(stream, avro.io.DatumReader(written, read).read(avro.io.BinaryDecoder(stream)))


def _to_end(stream: BytesIO, read: object) -> object:
    if stream.read():
        raise ValueError("there are bytes after the event")
    return read


def to_expected(writer: Version, reader: Version) -> dict[str, Any]:
    """Return what the reader must find: its own fields, as written, or else their defaults."""
    fields = reader.schema["fields"]
    return {field["name"]: writer.event.get(field["name"], field.get("default")) for field in fields}


def to_table(versions: Sequence[Version]) -> str:
    """Return the table in Markdown."""
    lines = [["written with \\ read with", *[each.name for each in versions]], ["---"] * (len(versions) + 1)]
    lines += [[each.name, *[_to_cell(each, reader) for reader in versions]] for each in versions]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- ", "|---").replace("--- |", "---|")


def _to_cell(writer: Version, reader: Version) -> str:
    read, expected = read_by_fastavro(writer, reader), to_expected(writer, reader)
    if not read == expected == read_by_apache(writer, reader):
        raise ValueError(f"version {reader.name} does not read events of version {writer.name}")
    absent = len([name for name in expected if name not in writer.event])
    return f"{len(expected) - absent} fields{f', {absent} by default' if absent else ''}"


def main() -> None:
    """Write the table into the documentation."""
    begin, end = map(re.escape, MARKERS)
    table = to_table(read_versions())
    text = re.sub(rf"({begin}).*?({end})", rf"\g<1>{table}\g<2>", DOCUMENT.read_text(), flags=re.DOTALL)
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
