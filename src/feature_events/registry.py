"""Asks the schema registry for the schema to write by and its id.

It is asked once per execution environment, before the first batch. With SCHEMA_ID it is not asked at all, and
`requests`, which costs more to import than the rest of the start, is not imported.

The interface: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from feature_events import metrics
from feature_events.codec import SHIPPED_SCHEMA, Schema
from feature_events.errors import Misconfigured, Undelivered
from feature_events.logs import logger
from feature_events.settings import Settings

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _TOO_MANY = 401, 403, 404, 409, 422, 429
_SERVER_ERRORS = 500


def find_schema(settings: Settings, clock: Callable[[], float] = time.monotonic) -> Schema:
    """The schema and id that the settings ask for: pinned, the registry's own, or the shipped one's.

    Raises:
        Misconfigured: the registry has no such schema, or does not let us ask or register.
        Undelivered: the registry did not answer, or not sensibly.

    """
    if settings.schema_id is not None:
        logger.info("schema pinned", schema_id=settings.schema_id)
        return Schema(settings.schema_id, SHIPPED_SCHEMA)
    start = clock()
    registry = _Registry(settings.registry or "", f"{settings.topic}-value")
    try:
        if settings.schema_version is not None:
            return registry.read_version(settings.schema_version)
        if settings.auto_register:
            registry.register()
        return registry.look_up()
    finally:
        metrics.emit_registry_latency((clock() - start) * 1000)


class _Registry:
    """One subject of a registry at a base URL."""

    def __init__(self, url: str, subject: str) -> None:
        self._url = url
        self._subject = subject
        self._path = f"/subjects/{quote(subject, safe='')}"

    def read_version(self, version: int | str) -> Schema:
        """The registry's own schema under this version."""
        answer = self._ask("GET", f"{self._path}/versions/{version}")
        if answer.status_code == _NOT_FOUND:
            raise Misconfigured(
                f"the registry has no version {version} of subject {self._subject}: register a schema there, or set "
                "SCHEMA_VERSION to one that exists"
            )
        body = self._read(answer)
        if body.get("schemaType", "AVRO") != "AVRO" or body.get("references"):
            raise Misconfigured(
                f"version {version} of subject {self._subject} is not a self-contained Avro schema: set SCHEMA_VERSION "
                "to one that is"
            )
        return self._to_schema(body, "schema found", body.get("schema"))

    def look_up(self) -> Schema:
        """The shipped schema, which must be registered."""
        answer = self._ask("POST", self._path, SHIPPED_SCHEMA)
        if answer.status_code == _NOT_FOUND:
            raise Misconfigured(
                f"feature_trigger.avsc is not registered under subject {self._subject}: register it there (POST "
                f"{self._path}/versions), or set AUTO_REGISTER_SCHEMAS=true"
            )
        return self._to_schema(self._read(answer), "schema found", SHIPPED_SCHEMA)

    def register(self) -> None:
        """Registers the shipped schema; one that is there already keeps its id and version."""
        answer = self._ask("POST", f"{self._path}/versions", SHIPPED_SCHEMA)
        if answer.status_code in (_CONFLICT, _UNPROCESSABLE):
            raise Misconfigured(
                f"the registry refuses feature_trigger.avsc under subject {self._subject} (HTTP {answer.status_code}), "
                "most likely as incompatible with the version before: compare the two, or set SCHEMA_VERSION=latest"
            )
        self._read(answer)
        logger.info("schema registered", subject=self._subject)

    def _ask(self, method: str, path: str, schema: str | None = None) -> "requests.Response":
        import requests

        body = None if schema is None else {"schema": schema}
        try:
            return requests.request(
                method,
                self._url + path,
                json=body,
                headers=_HEADERS,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Undelivered(
                f"the schema registry at {self._url} was not reached ({type(error).__name__}): check SCHEMA_REGISTRY "
                "and the way to it (subnets, security groups, DNS)"
            ) from None

    def _read(self, answer: "requests.Response") -> dict[str, Any]:
        """The answer's JSON object, where the registry did as asked."""
        status = answer.status_code
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise Misconfigured(
                f"the schema registry at {self._url} refuses access to {self._subject} (HTTP {status}): grant it"
            )
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(f"the schema registry at {self._url} answers HTTP {status}")
        if not answer.ok or answer.is_redirect:
            raise Misconfigured(
                f"the schema registry at {self._url} answers HTTP {status}: check that SCHEMA_REGISTRY is the base URL "
                "of its Confluent interface"
            )
        try:
            body = answer.json()
        except ValueError:
            body = None
        if type(body) is not dict:
            raise Undelivered(f"the schema registry at {self._url} answers something that is no JSON object")
        return body

    def _to_schema(self, body: dict[str, Any], message: str, text: object) -> Schema:
        schema_id, version = body.get("id"), body.get("version")
        if type(schema_id) is not int or not 0 <= schema_id < 2**31 or type(text) is not str:
            raise Undelivered(f"the schema registry at {self._url} answers without the schema or its id")
        logger.info(message, subject=self._subject, schema_id=schema_id, version=version)
        return Schema(schema_id, text)
