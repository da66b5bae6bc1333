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
from feature_events.registries.confluent_client import Transport
from feature_events.registries.registry import Registered, read_all, refuse_too_many
from feature_events.settings.settings import LATEST_VERSION, REGISTRY_CREDENTIALS, SCHEMA_VERSION, Settings
from feature_events.settings.values import MAX_SCHEMA_ID
from feature_events.web.exchange import Answer

_ABSENT = (40401, 40402, 40403)
"""The error codes for an absent subject, version or schema.

A 404 without one of them is not the registry's: Apicurio and gateways answer 404 to any wrong path
(https://github.com/Apicurio/apicurio-registry/issues/2889).
https://docs.confluent.io/platform/current/schema-registry/develop/api.html#errors
"""

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
        if _is_absent(answer):
            raise Misconfigured(
                f"the registry has no version {version} of subject {self.subject}: register a schema there, or set "
                f"{SCHEMA_VERSION} to one that exists"
            )
        body = self._read(answer)
        if not _is_plain_avro(answer):
            raise Misconfigured(
                f"version {version} of subject {self.subject} is not a self-contained Avro schema: set "
                f"{SCHEMA_VERSION} to one that is"
            )
        return self._to_schema(body, "schema found", body.get("schema"))

    def look_up(self) -> Schema:
        """The shipped schema, which must be registered."""
        found = self.find_registered()
        if found is None:
            raise Misconfigured(
                f"{self._file} is not registered under subject {self.subject}: register it there (POST "
                f"{self._path}/versions), or deploy with Schema=register"
            )
        return Schema(found.id, self._shipped)

    def find_registered(self) -> Registered | None:
        """Under what the shipped schema is registered, if it is."""
        answer = self._transport.ask("POST", self._path, self._shipped)
        if _is_absent(answer):
            return None
        body = self._read(answer)
        schema = self._to_schema(body, "schema found", self._shipped)
        return Registered(schema.id, _to_number(body.get("version")))

    def read_versions(self) -> Mapping[int, str]:
        """The texts of all versions that the subject has, by their numbers."""
        answer = self._transport.ask("GET", f"{self._path}/versions")
        found = [] if _is_absent(answer) else self._read(answer, list)
        numbers = [number for number in map(_to_number, found) if number is not None]
        if len(numbers) < len(found):
            raise self._transport.peer.to_misplaced("with versions that are not numbers")
        refuse_too_many(
            self._file, f"subject {self.subject} has {len(numbers):,} versions", len(numbers), schema_id="NUMBER"
        )
        texts = zip(numbers, read_all(self._read_text, numbers), strict=True)
        return {number: text for number, text in texts if text is not None}

    def _read_text(self, number: int) -> str | None:
        """The text of a version that the shipped schema is compared with; None where it has just been deleted."""
        answer = self._transport.ask("GET", f"{self._path}/versions/{number}")
        if _is_absent(answer):
            return None
        text = self._read(answer).get("schema")
        if not _is_plain_avro(answer) or type(text) is not str:
            raise Misconfigured(
                f"{self._file} cannot be compared with version {number} of subject {self.subject}, which is not a "
                "self-contained Avro schema: delete that version where no event is of it, or write to another topic"
            )
        return text

    def check_compatibility(self) -> bool:
        """Return whether the shipped schema is compatible with the latest version, or the first one.

        Raises:
            Misconfigured: it is not, and the registry says why; not every registry does.

        """
        path = f"/compatibility{self._path}/versions/latest?verbose=true"
        answer = self._transport.ask("POST", path, self._shipped)
        if _is_absent(answer):
            return True
        is_refused = _is_refusal(answer, _UNPROCESSABLE) or self._read(answer).get("is_compatible") is False
        if is_refused and _read_reason(answer):
            raise self._to_incompatible(answer)
        return not is_refused

    def register(self) -> Registered:
        """Registers the shipped schema; one that is there already keeps its id and version."""
        answer = self._transport.ask("POST", f"{self._path}/versions", self._shipped)
        if _is_refusal(answer, _CONFLICT, _UNPROCESSABLE):
            raise self._to_incompatible(answer)
        self._read(answer)
        logger.info("schema registered", subject=self.subject)
        found = self.find_registered()
        if found is None:
            raise Undelivered(f"the schema registry at {self._url} does not find what it has just registered")
        return found

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where the registry has given no answer, for this reason."""
        return self._transport.peer.to_unreached(reason)

    def _to_incompatible(self, answer: Answer) -> Misconfigured:
        """The error for a schema that the registry refuses, with its reason."""
        reason = _read_reason(answer)
        return Misconfigured(
            f"the registry refuses {self._file} under subject {self.subject}, most likely as incompatible with "
            f"the version before: compare the two, or set {LATEST_VERSION}{reason and f'; it says: {reason}'}"
        )

    def _read(self, answer: Answer, kind: type = dict) -> Any:  # noqa: ANN401  # of that kind
        """The answer's JSON object, or whichever kind it must be, where the registry did as asked."""
        status, body = answer
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise Misconfigured(
                f"the schema registry at {self._url} refuses access to {self.subject} (HTTP {status}): grant it"
                f"{' and check the secret in ' + REGISTRY_CREDENTIALS if self._has_secret else ''}"
            )
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(
                f"the schema registry at {self._url} answers HTTP {status}: check the registry; Lambda retries"
            )
        if status >= _REDIRECTS:
            raise self._transport.peer.to_misplaced(f"HTTP {status}")
        if type(body) is not kind:
            raise self._transport.peer.to_misplaced(f"with something that is not a JSON {_NAMES[kind]}")
        return body

    def _to_schema(self, body: dict[str, Any], message: str, text: object) -> Schema:
        schema_id = body.get("id")
        if type(schema_id) is not int or type(text) is not str:
            raise self._transport.peer.to_misplaced("without the schema or its id")
        if _to_number(schema_id) is None:
            # https://github.com/IBM/event-streams/issues/99
            raise Misconfigured(
                f"the schema registry at {self._url} answers with a schema id that is not from 1 to {MAX_SCHEMA_ID}, "
                "so events cannot carry it: set SchemaRegistry (SCHEMA_REGISTRY) to a registry with such ids"
            )
        logger.info(message, subject=self.subject, schema_id=schema_id, version=_to_number(body.get("version")))
        return Schema(schema_id, text)


def to_subject(topic: str) -> str:
    """The subject of the topic's values, as Confluent's TopicNameStrategy has it."""
    return f"{topic}-value"


def _is_absent(answer: Answer) -> bool:
    """Return whether the registry, and not something else, says that it has no such subject, version or schema."""
    return _is_refusal(answer, _NOT_FOUND) and answer.body.get("error_code") in _ABSENT


def _is_refusal(answer: Answer, *statuses: int) -> bool:
    """Return whether the answer has one of these statuses and a JSON object, as a registry's errors do."""
    return answer.status in statuses and type(answer.body) is dict


def _is_plain_avro(answer: Answer) -> bool:
    """Whether a version is an Avro schema that refers to no other one."""
    return answer.body.get("schemaType") in (None, "AVRO") and not answer.body.get("references")


def _to_number(value: object) -> int | None:
    """Return an id or the number of a version; None if it is not one that a registry's client can read."""
    return value if type(value) is int and 0 < value <= MAX_SCHEMA_ID else None


def _read_reason(answer: Answer) -> str:
    """What the registry says of its refusal, on one line and not longer than fits into an error."""
    body = answer.body
    found = (body.get("messages") or body.get("message")) if type(body) is dict else None
    texts = [text for text in (found if type(found) is list else [found]) if type(text) is str]
    return " ".join("; ".join(texts).encode(errors="replace").decode().split())[:_REASON_LENGTH]
