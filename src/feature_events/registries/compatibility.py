"""Finds the fields by which a schema would break its subject's readers, before it is registered.

A registry checks what its subject is set to: often one direction and the latest version alone, sometimes nothing. A
topic keeps events of every version, and consumers follow at their own pace, so here all versions count, both ways.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feature_events.errors import Misconfigured
from feature_events.events.schema_fields import Field, Named, parse_record

# https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
_READ_AS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
"""What is written as one type and can be read as these."""
_HELD = {"array": "items", "map": "values"}
"""Where a type has that of what it holds."""


def refuse_breaking(file: str, text: str, subject: str, versions: Mapping[int, str]) -> None:
    """Refuses a schema that does not go with every version of its subject, both ways.

    Args:
        file: what the schema is called.
        text: the schema, as JSON.
        subject: where it is to be registered.
        versions: what the subject has, as JSON, by the versions' numbers.

    Raises:
        Misconfigured: with the fields, the version and the direction; or a version is no Avro record.

    """
    found = []
    for number, other in versions.items():
        try:
            older, newer = find_breaks(text, other), find_breaks(other, text)
        except Misconfigured as error:
            raise Misconfigured(f"{file} cannot be compared with version {number} of {subject}: {error}") from None
        found += [f"with it, events of version {number} cannot be read: {'; '.join(older)}"] if older else []
        found += [f"with version {number}, its events cannot be read: {'; '.join(newer)}"] if newer else []
    if found:
        raise Misconfigured(
            f"{file} breaks readers of subject {subject}: {'. '.join(found)}. Only add fields that have a default, "
            "remove only such, and keep types; or write to another topic"
        )


def find_breaks(reader: str, writer: str) -> Sequence[str]:
    """The fields, with reasons, for which a reader by one schema cannot read what was written by the other.

    Raises:
        Misconfigured: one of them is no Avro record.

    """
    (read, read_named), (written, written_named) = parse_record(reader), parse_record(writer)
    resolution = _Resolution(read_named, written_named)
    renamed = [] if _have_one_name(read, written) else ["the record has another name"]
    return [*renamed, *resolution.find_breaks(read["fields"], written["fields"])]


class _Resolution:
    """Whether types of one schema can read types of another one."""

    def __init__(self, read_named: Named, written_named: Named) -> None:
        self._read_named = read_named
        self._written_named = written_named
        self._assumed: set[tuple[str, str]] = set()
        """The records that are being compared, by their names: in one that contains itself they come again."""

    def find_breaks(self, read: Sequence[Field], written: Sequence[Field]) -> Iterator[str]:
        """The fields of a record that cannot be read, with reasons."""
        types = {field["name"]: field["type"] for field in written}
        for field in read:
            name = next((name for name in (field["name"], *field.get("aliases", ())) if name in types), None)
            if name is not None and not self._reads(field["type"], types[name]):
                yield f"{field['name']} is written as {_describe(types[name])} and read as {_describe(field['type'])}"
            if name is None and "default" not in field:
                yield f"{field['name']} is not written and has no default"

    def _reads(self, read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
        """Whether one type can read all that is written as the other one."""
        if type(written) is list:
            return all(self._reads(read, branch) for branch in written)
        if type(read) is list:
            return any(self._reads(branch, written) for branch in read)
        read, written = _define(read, self._read_named), _define(written, self._written_named)
        kind = _to_kind(written)
        if _to_kind(read) != kind:
            return _to_kind(read) in _READ_AS.get(kind, ())
        return self._reads_same(kind, read, written)

    def _reads_same(self, kind: str, read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
        """Whether a type can read what is written as another one of the same kind."""
        if kind in _HELD:
            return self._reads(read[_HELD[kind]], written[_HELD[kind]])
        if kind == "enum":
            return _have_one_name(read, written) and ("default" in read or {*written["symbols"]} <= {*read["symbols"]})
        if kind == "fixed":
            return _have_one_name(read, written) and bool(read["size"] == written["size"])
        return kind != "record" or self._reads_record(read, written)

    def _reads_record(self, read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
        names = read["name"], written["name"]
        if names in self._assumed:
            return True
        self._assumed.add(names)
        return _have_one_name(read, written) and not list(self.find_breaks(read["fields"], written["fields"]))


def _define(schema: Any, named: Named) -> Any:  # noqa: ANN401  # fastavro's own
    """The type itself, where a schema names one that it has defined before."""
    return named.get(schema, schema) if type(schema) is str else schema


def _to_kind(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    return str(schema if type(schema) is str else schema["type"])


def _have_one_name(read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
    """Whether two named types are called the same, namespaces apart, or the reader knows the other name as an alias."""
    names = [name.rpartition(".")[2] for name in (read["name"], *read.get("aliases", ()))]
    return written["name"].rpartition(".")[2] in names


def _describe(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    """A type, as a message names it."""
    if type(schema) is list:
        return " or ".join(map(_describe, schema))
    kind = _to_kind(schema)
    return f"{kind} of {_describe(schema[_HELD[kind]])}" if kind in _HELD else kind
