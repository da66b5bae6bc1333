"""Find the fields by which a schema would break the consumers of its subject, before it is registered.

A registry checks only what the subject's compatibility setting requires: often one direction and the latest version,
sometimes nothing. A topic contains events of every version, and consumers upgrade at their own pace. This check
therefore covers all versions in both directions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feature_events.errors import Misconfigured
from feature_events.events.schema import Field, parse_record

# https://avro.apache.org/docs/1.12.0/specification/#schema-resolution
_ALIKE = ({"string", "bytes"},)
"""Types that can be read as each other."""


def refuse_breaking(file: str, text: str, subject: str, versions: Mapping[int, str]) -> None:
    """Refuse a schema that is incompatible with a version of its subject, in either direction.

    Args:
        file: the schema's file name.
        text: the schema, as JSON.
        subject: the subject to register it under.
        versions: the subject's versions, as JSON, by number.

    Raises:
        Misconfigured: it is incompatible, with the fields, the version and the direction; or a version is not an Avro
            record.

    """
    found = []
    for number, other in versions.items():
        try:
            older, newer = find_breaks(text, other), find_breaks(other, text)
        except Exception as error:  # noqa: BLE001  # fastavro accepts what is not Avro, such as a name that is not a string
            is_ours = isinstance(error, Misconfigured)
            problem = error if is_ours else f"it is not valid Avro ({type(error).__name__})"
            raise Misconfigured(
                f"{file} cannot be compared with version {number} of {subject}: {problem}; delete that version if no "
                "event uses it, or set TopicName (TOPIC_NAME) to another topic"
            ) from None
        found += [f"Consumers with {file} cannot read events of version {number}: {'; '.join(older)}"] if older else []
        found += [f"Consumers with version {number} cannot read events of {file}: {'; '.join(newer)}"] if newer else []
    if found:
        # The remedy comes first, because CloudFormation truncates long reasons
        raise Misconfigured(
            f"{file} breaks consumers of subject {subject}. Do one of these: add and remove only fields with a "
            "default, without changing types; delete versions that no event in the topic uses; set TopicName "
            "(TOPIC_NAME) to another topic. "
            f"{'. '.join(found)}"
        )


def find_breaks(reader: str, writer: str) -> Sequence[str]:
    """Return the fields that a reader schema cannot read from a writer schema's events, with reasons.

    One of the two is a shipped schema, whose fields are strings, booleans, arrays, null and unions of these.

    Raises:
        Misconfigured: one of them is not an Avro record.

    """
    (read, _), (written, _) = parse_record(reader), parse_record(writer)
    renamed = [] if _have_same_name(read, written) else ["the record has another name"]
    return [*renamed, *_find_breaks(read["fields"], written["fields"])]


def _find_breaks(read: Sequence[Field], written: Sequence[Field]) -> Iterator[str]:
    """Yield the fields of a record that cannot be read, with reasons."""
    types = {field["name"]: field["type"] for field in written}
    for field in read:
        name = next((name for name in (field["name"], *_read_aliases(field)) if name in types), None)
        if name is not None and not _can_read(field["type"], types[name]):
            yield f"{field['name']} is written as {_describe(types[name])} and read as {_describe(field['type'])}"
        if name is None and "default" not in field:
            yield f"{field['name']} is not written and has no default"


def _can_read(read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
    """Return True if one type can read every value written as the other."""
    if type(written) is list:
        return all(_can_read(read, branch) for branch in written)
    if type(read) is list:
        return any(_can_read(branch, written) for branch in read)
    kinds = {_to_kind(read), _to_kind(written)}
    if len(kinds) > 1:
        return kinds in _ALIKE
    return kinds != {"array"} or _can_read(read["items"], written["items"])


def _to_kind(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    """Return the name of a type. For a named type, this is the name in the schema."""
    return str(schema if type(schema) is str else schema["type"])


def _have_same_name(read: Any, written: Any) -> bool:  # noqa: ANN401  # fastavro's own
    """Return True if the reader has the writer's name or has it as an alias, ignoring namespaces."""
    names = [name.rpartition(".")[2] for name in (read["name"], *_read_aliases(read))]
    return written["name"].rpartition(".")[2] in names


def _read_aliases(named: Mapping[str, Any]) -> Sequence[str]:
    """Return the aliases of a record or field. fastavro also accepts aliases that are not names."""
    return [name for name in named.get("aliases") or () if type(name) is str]


def _describe(schema: Any) -> str:  # noqa: ANN401  # fastavro's own
    """Return a type's description for messages."""
    if type(schema) is list:
        return " or ".join(map(_describe, schema))
    kind = _to_kind(schema)
    return f"array of {_describe(schema['items'])}" if kind == "array" else kind
