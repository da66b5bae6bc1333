"""Find and register schemas in a registry with Confluent's API.

Karapace, Apicurio and Redpanda have the same API. Responses are classified here: either an operator must act, or the
request may succeed later.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from collections.abc import Mapping
from typing import Any, override
from urllib.parse import quote

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import Schema, SchemaId
from feature_events.logs import logger
from feature_events.registries.confluent_client import ConfluentClient
from feature_events.registries.registry import Registered, Registry, make_unknown_id_error, read_all
from feature_events.settings.settings import LATEST_VERSION, REGISTRY_CREDENTIALS, SCHEMA_VERSION, Settings
from feature_events.settings.values import MAX_SCHEMA_ID
from feature_events.web.exchange import Response

_ABSENT = (40401, 40402, 40403)
"""The error codes for an absent subject, version or schema.

A 404 without one of them does not come from a registry. Apicurio and gateways return 404 for any wrong path
(https://github.com/Apicurio/apicurio-registry/issues/2889).
https://docs.confluent.io/platform/current/schema-registry/develop/api.html#errors
"""

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _TOO_MANY = 401, 403, 404, 409, 422, 429
_REDIRECTS, _SERVER_ERRORS = 300, 500

_NAMES: Mapping[type, str] = {dict: "object", list: "list"}

_REASON_LENGTH = 1000
"""The most characters to repeat of the registry's reason."""


class ConfluentRegistry(Registry):
    """The subject of the topic's values in a registry with Confluent's API."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(to_subject(settings.topic), settings.schema_file)
        self._url = settings.registry or ""
        self._path = f"/subjects/{quote(self.subject, safe='')}"
        self._has_secret = settings.registry_secret is not None
        self._client = ConfluentClient(settings)

    @override
    def read_version(self, version: int | str) -> Schema:
        response = self._client.request("GET", f"{self._path}/versions/{version}")
        if _is_absent(response):
            raise Misconfigured(
                f"the registry has no version {version} of subject {self.subject}: register a schema there, or set "
                f"{SCHEMA_VERSION} to an existing version"
            )
        body = self._read(response)
        if not _is_plain_avro(response):
            raise Misconfigured(
                f"version {version} of subject {self.subject} is not a self-contained Avro schema: set "
                f"{SCHEMA_VERSION} to one that is"
            )
        return self._to_schema(body, "schema found", body.get("schema"))

    @override
    def read_by_id(self, schema_id: SchemaId) -> str:
        response = self._client.request("GET", f"/schemas/ids/{schema_id}")
        if _is_absent(response):
            raise make_unknown_id_error(schema_id, f"the schema registry at {self._url}")
        text = self._read(response).get("schema")
        if not _is_plain_avro(response) or type(text) is not str:
            raise Misconfigured(
                f"schema id {schema_id} in the schema registry at {self._url} is not a self-contained Avro schema, so "
                "the events with this id cannot be read: check which producers write to the topic"
            )
        return text

    @override
    def look_up(self) -> Schema:
        found = self.find_registered()
        if found is None:
            raise Misconfigured(
                f"{self.file} is not registered under subject {self.subject}: register it there (POST "
                f"{self._path}/versions), or deploy with Schema=register"
            )
        return Schema(found.id, self.text)

    @override
    def find_registered(self) -> Registered | None:
        response = self._client.request("POST", self._path, self.text)
        if _is_absent(response):
            return None
        body = self._read(response)
        schema = self._to_schema(body, "schema found", self.text)
        return Registered(schema.id, _to_number(body.get("version")))

    @override
    def read_versions(self) -> Mapping[int, str]:
        response = self._client.request("GET", f"{self._path}/versions")
        found = [] if _is_absent(response) else self._read(response, list)
        numbers = [number for number in map(_to_number, found) if number is not None]
        if len(numbers) < len(found):
            raise self._client.peer.make_wrong_url_error("versions that are not numbers")
        self._refuse_too_many(f"subject {self.subject} has {len(numbers):,} versions", len(numbers), "NUMBER")
        texts = zip(numbers, read_all(self._read_text, numbers), strict=True)
        return {number: text for number, text in texts if text is not None}

    def _read_text(self, number: int) -> str | None:
        """Return the text of a version, or None if it was deleted since the versions were listed."""
        response = self._client.request("GET", f"{self._path}/versions/{number}")
        if _is_absent(response):
            return None
        text = self._read(response).get("schema")
        if not _is_plain_avro(response) or type(text) is not str:
            raise Misconfigured(
                f"{self.file} cannot be compared with version {number} of subject {self.subject}, which is not a "
                "self-contained Avro schema: delete that version if no event uses it, or set TopicName (TOPIC_NAME) to "
                "another topic"
            )
        return text

    @override
    def is_accepted(self) -> bool:
        path = f"/compatibility{self._path}/versions/latest?verbose=true"
        response = self._client.request("POST", path, self.text)
        if _is_absent(response):
            return True
        is_refused = _is_refusal(response, _UNPROCESSABLE) or self._read(response).get("is_compatible") is False
        if is_refused and _read_reason(response):  # not every registry returns a reason
            raise self._make_incompatible_error(response)
        return not is_refused

    @override
    def register(self) -> Registered:
        response = self._client.request("POST", f"{self._path}/versions", self.text)
        if _is_refusal(response, _CONFLICT, _UNPROCESSABLE):
            raise self._make_incompatible_error(response)
        self._read(response)
        logger.info("schema registered", subject=self.subject)
        found = self.find_registered()
        if found is None:
            raise Undelivered(
                f"the schema registry at {self._url} did not find the schema that it just registered: try again later"
            )
        return found

    @override
    def make_unreached_error(self, reason: str) -> Undelivered:
        return self._client.peer.make_unreached_error(reason)

    def _make_incompatible_error(self, response: Response) -> Misconfigured:
        """Return the error for a schema that the registry rejects, with the registry's reason."""
        reason = _read_reason(response)
        return Misconfigured(
            f"the registry rejected {self.file} under subject {self.subject}. The file is probably incompatible with "
            f"the previous version: compare the two, or set {LATEST_VERSION}{reason and f'; reason: {reason}'}"
        )

    def _read(self, response: Response, kind: type = dict) -> Any:  # noqa: ANN401  # of that kind
        """Return the JSON object, or another kind of JSON, in a successful response."""
        status, body = response
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise Misconfigured(
                f"the schema registry at {self._url} denied access to {self.subject} (HTTP {status}): grant it"
                f"{', and check the secret in ' + REGISTRY_CREDENTIALS if self._has_secret else ''}"
            )
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(
                f"the schema registry at {self._url} returned HTTP {status}: check the registry; Lambda retries"
            )
        if status >= _REDIRECTS:
            raise self._client.peer.make_wrong_url_error(f"HTTP {status}")
        if type(body) is not kind:
            raise self._client.peer.make_wrong_url_error(f"a response that is not a JSON {_NAMES[kind]}")
        return body

    def _to_schema(self, body: dict[str, Any], message: str, text: object) -> Schema:
        schema_id = body.get("id")
        if type(schema_id) is not int or type(text) is not str:
            raise self._client.peer.make_wrong_url_error("a response without the schema or its id")
        if _to_number(schema_id) is None:
            # https://github.com/IBM/event-streams/issues/99
            raise Misconfigured(
                f"the schema registry at {self._url} returned a schema id that is not between 1 and {MAX_SCHEMA_ID}, "
                "so events cannot contain it: set SchemaRegistry (SCHEMA_REGISTRY) to a registry with such ids"
            )
        version = _to_number(body.get("version"))
        logger.info(message, subject=self.subject, schema_id=schema_id, schema_version=version)
        return Schema(schema_id, text)


def to_subject(topic: str) -> str:
    """Return the subject of a topic's values, as in Confluent's TopicNameStrategy."""
    return f"{topic}-value"


def _is_absent(response: Response) -> bool:
    """Return True if the registry reports that the subject, version or schema does not exist."""
    return _is_refusal(response, _NOT_FOUND) and response.body.get("error_code") in _ABSENT


def _is_refusal(response: Response, *statuses: int) -> bool:
    """Return True if the response has one of these statuses and a JSON object, like every error of a registry."""
    return response.status in statuses and type(response.body) is dict


def _is_plain_avro(response: Response) -> bool:
    """Return True if a version is an Avro schema without references."""
    return response.body.get("schemaType") in (None, "AVRO") and not response.body.get("references")


def _to_number(value: object) -> int | None:
    """Return an id or version number, or None if a registry's clients cannot read it."""
    return value if type(value) is int and 0 < value <= MAX_SCHEMA_ID else None


def _read_reason(response: Response) -> str:
    """Return the registry's reason on one line, shortened to fit into an error."""
    body = response.body
    found = (body.get("messages") or body.get("message")) if type(body) is dict else None
    texts = [text for text in (found if type(found) is list else [found]) if type(text) is str]
    return " ".join("; ".join(texts).encode(errors="replace").decode().split())[:_REASON_LENGTH]
