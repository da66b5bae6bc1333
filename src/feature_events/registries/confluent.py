"""Asks a registry with Confluent's interface about the topic's subject.

Karapace, Apicurio and Redpanda have the same interface; what each may answer is told apart here: a person must change
something, or it may work later.

The interface: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import Schema, read_shipped_schema
from feature_events.logs import logger
from feature_events.registries.registry import Registered
from feature_events.registries.transport import Transport, to_unreached
from feature_events.settings import Settings
from feature_events.web.exchange import Answer

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _TOO_MANY = 401, 403, 404, 409, 422, 429
_REDIRECTS, _SERVER_ERRORS = 300, 500

_NAMES: Mapping[type, str] = {dict: "object", list: "list"}

_REASON_LENGTH = 1000
"""What is repeated of a registry's own explanation, in characters."""


class ConfluentRegistry:
    """The topic's subject in the registry that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self.subject = to_subject(settings.topic)
        self._path = f"/subjects/{quote(self.subject, safe='')}"
        self._file = settings.schema_file
        self._shipped = read_shipped_schema(settings.schema_file)
        self._has_secret = settings.registry_secret is not None
        self._transport = Transport(settings)

    def read_version(self, version: int | str) -> Schema:
        """The registry's own schema under this version."""
        answer = self._transport.ask("GET", f"{self._path}/versions/{version}")
        if answer.status == _NOT_FOUND:
            raise Misconfigured(
                f"the registry has no version {version} of subject {self.subject}: register a schema there, or set "
                "SCHEMA_VERSION to one that exists"
            )
        body = self._read(answer)
        if not _is_plain_avro(answer):
            raise Misconfigured(
                f"version {version} of subject {self.subject} is not a self-contained Avro schema: set SCHEMA_VERSION "
                "to one that is"
            )
        return self._to_schema(body, "schema found", body.get("schema"))

    def look_up(self) -> Schema:
        """The shipped schema, which must be registered."""
        found = self.find_registered()
        if found is None:
            raise Misconfigured(
                f"{self._file} is not registered under subject {self.subject}: register it there (POST "
                f"{self._path}/versions), or set AUTO_REGISTER_SCHEMAS=true"
            )
        return Schema(found.id, self._shipped)

    def find_registered(self) -> Registered | None:
        """Under what the shipped schema is registered, if it is."""
        answer = self._transport.ask("POST", self._path, self._shipped)
        if answer.status == _NOT_FOUND:
            return None
        body = self._read(answer)
        version = body.get("version")
        schema = self._to_schema(body, "schema found", self._shipped)
        return Registered(schema.id, version if type(version) is int else None)

    def read_versions(self) -> Mapping[int, str]:
        """The texts of all versions that the subject has, by their numbers."""
        answer = self._transport.ask("GET", f"{self._path}/versions")
        numbers = [] if answer.status == _NOT_FOUND else self._read(answer, list)
        texts = {number: self._read_text(number) for number in numbers}
        return {number: text for number, text in texts.items() if text is not None}

    def _read_text(self, number: int) -> str | None:
        """The text of a version that the shipped schema is compared with; None where it has just been deleted."""
        answer = self._transport.ask("GET", f"{self._path}/versions/{number}")
        if answer.status == _NOT_FOUND:
            return None
        text = self._read(answer).get("schema")
        if not _is_plain_avro(answer) or type(text) is not str:
            raise Misconfigured(
                f"{self._file} cannot be compared with version {number} of subject {self.subject}, which is not a "
                "self-contained Avro schema: delete that version where no event is of it, or write to another topic"
            )
        return text

    def check_compatibility(self) -> bool | None:
        """Whether the shipped schema is compatible with the latest version; None where the registry knows none.

        Raises:
            Misconfigured: it is not, and the registry says why; not every registry does.

        """
        path = f"/compatibility{self._path}/versions/latest?verbose=true"
        answer = self._transport.ask("POST", path, self._shipped)
        if answer.status == _NOT_FOUND:
            return None
        is_refused = answer.status == _UNPROCESSABLE or self._read(answer).get("is_compatible") is False
        if is_refused and _read_reason(answer):
            raise self._to_incompatible(answer)
        return not is_refused

    def register(self) -> Registered:
        """Registers the shipped schema; one that is there already keeps its id and version."""
        answer = self._transport.ask("POST", f"{self._path}/versions", self._shipped)
        if answer.status in (_CONFLICT, _UNPROCESSABLE):
            raise self._to_incompatible(answer)
        self._read(answer)
        logger.info("schema registered", subject=self.subject)
        found = self.find_registered()
        if found is None:
            raise Undelivered(f"the schema registry at {self._url} does not find what it has just registered")
        return found

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where the registry has given no answer, for this reason."""
        return to_unreached(self._url, reason)

    def _to_incompatible(self, answer: Answer) -> Misconfigured:
        """The error for a schema that the registry refuses, with its reason."""
        reason = _read_reason(answer)
        return Misconfigured(
            f"the registry refuses {self._file} under subject {self.subject}, most likely as incompatible with "
            f"the version before: compare the two, or set SCHEMA_VERSION=latest{reason and f'; it says: {reason}'}"
        )

    def _read(self, answer: Answer, kind: type = dict) -> Any:  # noqa: ANN401  # of that kind
        """The answer's JSON object, or whichever kind it must be, where the registry did as asked."""
        status, body = answer
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise Misconfigured(
                f"the schema registry at {self._url} refuses access to {self.subject} (HTTP {status}): grant it"
                f"{' and check the secret in SCHEMA_REGISTRY_SECRET_ARN' if self._has_secret else ''}"
            )
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(
                f"the schema registry at {self._url} answers HTTP {status}: check the registry; Lambda retries"
            )
        if status >= _REDIRECTS:
            raise Misconfigured(
                f"the schema registry at {self._url} answers HTTP {status}: check that SCHEMA_REGISTRY is the base URL "
                "of its Confluent interface"
            )
        if type(body) is not kind:
            raise Undelivered(
                f"the schema registry at {self._url} answers something that is no JSON {_NAMES[kind]}: check "
                "that SCHEMA_REGISTRY is the base URL of its Confluent interface"
            )
        return body

    def _to_schema(self, body: dict[str, Any], message: str, text: object) -> Schema:
        schema_id, version = body.get("id"), body.get("version")
        if type(schema_id) is not int or not 0 <= schema_id < 2**31 or type(text) is not str:
            raise Undelivered(f"the schema registry at {self._url} answers without the schema or its id")
        logger.info(message, subject=self.subject, schema_id=schema_id, version=version)
        return Schema(schema_id, text)


def to_subject(topic: str) -> str:
    """The subject of the topic's values, as Confluent's TopicNameStrategy has it."""
    return f"{topic}-value"


def _is_plain_avro(answer: Answer) -> bool:
    """Whether a version is an Avro schema that refers to no other one."""
    return answer.body.get("schemaType", "AVRO") == "AVRO" and not answer.body.get("references")


def _read_reason(answer: Answer) -> str:
    """What the registry says of its refusal, on one line and not longer than fits into an error."""
    body = answer.body
    found = (body.get("messages") or body.get("message")) if type(body) is dict else None
    texts = found if type(found) is list else [found] if found else []
    return " ".join("; ".join(str(text) for text in texts).split())[:_REASON_LENGTH]
