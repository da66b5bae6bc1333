"""Writes events by a schema of the registry's own, with fastavro.

Only where there is one is this imported: fastavro takes a tenth of a cold start's CPU, and 3 MiB.
"""

import json
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException
from fastavro.validation import validate

from feature_events.errors import Misconfigured
from feature_events.events.event import FeatureAvailabilityEvent

_FIELDS = FeatureAvailabilityEvent._fields
# Its features are a list: fastavro takes a tuple in a union for a pair of branch and value
_SAMPLE = {**dict.fromkeys(_FIELDS, "text"), "features": ["name"]}
_EVENT = FeatureAvailabilityEvent._make([*["text"] * (len(_FIELDS) - 1), ("name",)])


class OtherSchema:
    """An Avro record that events can fill.

    Raises:
        Misconfigured: the schema is no Avro record, or has fields that no event can fill; they are named.

    """

    def __init__(self, text: str) -> None:
        self._schema = _parse(text)
        _refuse_unfillable(self._schema)
        try:
            self.write(_EVENT)
        except Exception as error:  # noqa: BLE001  # whatever fastavro cannot write: defaults of bytes, for one
            defaults = ", ".join([field["name"] for field in self._schema["fields"] if field["name"] not in _SAMPLE])
            raise Misconfigured(
                f"a default in the registry's schema cannot be written ({type(error).__name__}), of one of these "
                f"fields: {defaults}; make it null, or choose another SCHEMA_VERSION"
            ) from None

    @property
    def fields(self) -> list[tuple[str, object]]:
        """Its fields' names and types."""
        return [(field["name"], field["type"]) for field in self._schema["fields"]]

    def write(self, event: FeatureAvailabilityEvent) -> bytes:
        """The event as such a record.

        Raises:
            UnicodeEncodeError: a text in it is not valid Unicode; also one of no field, since the key and the headers
                have it.

        """
        "".join(event[:-1]).encode()
        data = BytesIO()
        values = dict(zip(_FIELDS, event, strict=True)) | {"features": list(event.features)}
        fastavro.schemaless_writer(data, self._schema, values)
        return data.getvalue()


def _parse(text: str) -> dict[str, Any]:
    try:
        parsed = fastavro.parse_schema(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, SchemaParseException) as error:
        raise Misconfigured(f"the schema is not valid Avro: {type(error).__name__}") from None
    if type(parsed) is not dict or parsed.get("type") != "record" or not parsed["fields"]:
        raise Misconfigured("the schema is not an Avro record with fields")
    return parsed


def _refuse_unfillable(schema: dict[str, Any]) -> None:
    """Refuses a schema that asks for more than an event has."""
    unfillable = [field["name"] for field in schema["fields"] if not _can_fill(field)]
    if unfillable:
        raise Misconfigured(
            f"a FeatureAvailabilityEvent cannot fill these fields of the registry's schema: {', '.join(unfillable)}; "
            "give them a default or another type there, or choose another SCHEMA_VERSION"
        )


def _can_fill(field: dict[str, Any]) -> bool:
    if field["name"] not in _SAMPLE:
        return "default" in field
    return bool(validate(_SAMPLE[field["name"]], field["type"], raise_errors=False))
