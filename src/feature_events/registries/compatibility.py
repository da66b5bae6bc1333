"""Finds the fields by which a schema would break its subject's readers, before it is registered.

A registry checks what its subject is set to: often one direction and the latest version alone, sometimes nothing. A
topic keeps events of every version, and consumers follow at their own pace, so here all versions count, both ways.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feature_events.errors import Misconfigured
from feature_events.events.schema import Field, parse_record

# https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
_ALIKE = ({"string", "bytes"},)
"""Types of which each can be read as the other."""


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
        except Exception as error:  # noqa: BLE001  # fastavro accepts what is not Avro, such as a name that is not a string
            is_told = isinstance(error, Misconfigured)
            problem = error if is_told else f"it is not valid Avro ({type(error).__name__})"
            raise Misconfigured(
                f"{file} cannot be compared with version {number} of {subject}: {problem}; delete that version where "
                "no event is of it, or write to another topic"
            ) from None
        found += [f"With it, events of version {number} cannot be read: {'; '.join(older)}"] if older else []
        found += [f"With version {number}, its events cannot be read: {'; '.join(newer)}"] if newer else []
    if found:
        # What to do comes first: CloudFormation shows so much of a reason and no more
        raise Misconfigured(
            f"{file} breaks readers of subject {subject}: only add fields that have a default, remove only such, and "
            "keep types; delete a version that no event in the topic is of; or write to another topic. "
            f"{'. '.join(found)}"
        )


def find_breaks(reader: str, writer: str) -> Sequence[str]:
    """The fields, with reasons, for which a reader by one schema cannot read what was written by the other.

    One of them is a shipped schema, whose fields are strings, booleans, arrays, null and unions of these.

    Raises:
        Misconfigured: one of them is no Avro record.

    """
    (read, _), (written, _) = parse_record(reader), parse_record(writer)
    renamed = [] if _have_one_name(read, written) else ["the record has another name"]
    return [*renamed, *_find_breaks(read["fields"], written["fields"])]


def _find_breaks(read: Sequence[Field], written: Sequence[Field]) -> Iterator[str]:
    """The fields of a record that cannot be read, with reasons."""
    types = {field["name"]: field["type"] for field in written}
    for field in read:
        name = next((name for name in (field["name"], *_read_aliases(field)) if name in types), None)
        if name is not None and not _reads(field["type"], types[name]):
            yield f"{field['name']} is written as {_describe(types[name])} and read as {_describe(field['type'])}"
        if name is None and "default" not in field:
            yield f"{field['name']} is not written and has no default"


def _reads(read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
    """Whether one type can read all that is written as the other one."""
    if type(written) is list:
        return all(_reads(read, branch) for branch in written)
    if type(read) is list:
        return any(_reads(branch, written) for branch in read)
    kinds = {_to_kind(read), _to_kind(written)}
    if len(kinds) > 1:
        return kinds in _ALIKE
    return kinds != {"array"} or _reads(read["items"], written["items"])


def _to_kind(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    """The name of a type, which is its own where the schema names it."""
    return str(schema if type(schema) is str else schema["type"])


def _have_one_name(read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
    """Whether two records are called the same, namespaces apart, or the reader knows the other name as an alias."""
    names = [name.rpartition(".")[2] for name in (read["name"], *_read_aliases(read))]
    return written["name"].rpartition(".")[2] in names


def _read_aliases(named: Mapping[str, Any]) -> Sequence[str]:
    """Return the aliases of a record or field; fastavro accepts other things than names among them."""
    return [name for name in named.get("aliases") or () if type(name) is str]


def _describe(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    """A type, as a message names it."""
    if type(schema) is list:
        return " or ".join(map(_describe, schema))
    kind = _to_kind(schema)
    return f"array of {_describe(schema['items'])}" if kind == "array" else kind
