"""Asks the schema registry for the schema to write by and its id.

It is asked once per execution environment, before the first batch. With SCHEMA_ID it is not asked at all, and
`requests`, which costs more to import than the rest of the start, is not imported.

The interface: https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, override
from urllib.parse import quote

from feature_events import metrics
from feature_events.deadline import run_within
from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.logs import logger
from feature_events.settings import Settings

if TYPE_CHECKING:
    import ssl

    import requests
    from requests.adapters import HTTPAdapter

CONNECT_SECONDS = 2.0
READ_SECONDS = 4.0

ANSWER_SECONDS = 6.0
"""How long one answer may take as a whole, also where a resolver hangs or it comes byte by byte."""
MAX_ANSWER_BYTES = 1_000_000
"""How long an answer may be: as long as the longest schema that a registry of Confluent Cloud takes."""
_PART_BYTES = 65_536

_HEADERS = {
    "Accept": "application/vnd.schemaregistry.v1+json",
    "Content-Type": "application/vnd.schemaregistry.v1+json",
}

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _TOO_MANY = 401, 403, 404, 409, 422, 429
_REDIRECTS, _SERVER_ERRORS = 300, 500

_REASON_LENGTH = 1000
"""What is repeated of a registry's own explanation, in characters."""


class Registered(NamedTuple):
    """Under what the shipped schema is registered."""

    id: int
    version: int | None


class _Answer(NamedTuple):
    """What a registry answered, read to its end."""

    status: int
    body: Any
    """Parsed; None where it is no JSON."""


def find_schema(settings: Settings, seconds: float, clock: Callable[[], float] = time.monotonic) -> Schema:
    """The schema and id that the settings ask for: pinned, the registry's own, or the shipped one's.

    Args:
        settings: what is asked for, and where.
        seconds: how long the registry may take, its secrets included.
        clock: to measure that by.

    Raises:
        Misconfigured: the registry has no such schema, or does not let us ask or register.
        Undelivered: the registry did not answer in time, or not sensibly.

    """
    if settings.schema_id is not None:
        logger.info("schema pinned", schema_id=settings.schema_id)
        return Schema(settings.schema_id, SHIPPED_SCHEMA)
    start = clock()
    try:
        return run_within(seconds, partial(_find_schema, settings))
    except TimeoutError:
        raise _to_unreached(settings.registry, f"no schema within {seconds:.1f} s") from None
    finally:
        metrics.emit_registry_latency((clock() - start) * 1000)


def _find_schema(settings: Settings) -> Schema:
    registry = Registry(settings)
    if settings.schema_version is not None:
        return registry.read_version(settings.schema_version)
    if settings.auto_register:
        registry.register()
    return registry.look_up()


def register_schema(settings: Settings) -> Registered:
    """Registers the shipped schema unless it is registered, and only where the registry calls it compatible.

    Raises the same as `find_schema`; where the registry refuses, with its own reason.
    """
    registry = Registry(settings)
    found = registry.find_registered()
    if found is None:
        registry.check_compatibility()
        registry.register()  # where the check gave no reason, the registry refuses here, and says why
        found = registry.find_registered()
    if found is None:
        raise Undelivered(f"the schema registry at {settings.registry} does not find what it has just registered")
    return found


class Registry:
    """The topic's subject in the registry that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.registry or ""
        self.subject = to_subject(settings.topic)
        self._path = f"/subjects/{quote(self.subject, safe='')}"
        self._secret = settings.registry_secret
        self._ca_secret = settings.registry_ca_secret
        self._session: requests.Session | None = None

    def read_version(self, version: int | str) -> Schema:
        """The registry's own schema under this version."""
        answer = self._ask("GET", f"{self._path}/versions/{version}")
        if answer.status == _NOT_FOUND:
            raise Misconfigured(
                f"the registry has no version {version} of subject {self.subject}: register a schema there, or set "
                "SCHEMA_VERSION to one that exists"
            )
        body = self._read(answer)
        if body.get("schemaType", "AVRO") != "AVRO" or body.get("references"):
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
                f"feature_trigger.avsc is not registered under subject {self.subject}: register it there (POST "
                f"{self._path}/versions), or set AUTO_REGISTER_SCHEMAS=true"
            )
        return Schema(found.id, SHIPPED_SCHEMA)

    def find_registered(self) -> Registered | None:
        """Under what the shipped schema is registered, if it is."""
        answer = self._ask("POST", self._path, SHIPPED_SCHEMA)
        if answer.status == _NOT_FOUND:
            return None
        body = self._read(answer)
        version = body.get("version")
        schema = self._to_schema(body, "schema found", SHIPPED_SCHEMA)
        return Registered(schema.id, version if type(version) is int else None)

    def check_compatibility(self) -> bool:
        """Whether the shipped schema is compatible with the latest version, if there is one.

        Raises:
            Misconfigured: it is not, and the registry says why; not every registry does.

        """
        path = f"/compatibility{self._path}/versions/latest?verbose=true"
        answer = self._ask("POST", path, SHIPPED_SCHEMA)
        if answer.status == _NOT_FOUND:
            return True  # there is no version yet
        is_refused = answer.status == _UNPROCESSABLE or self._read(answer).get("is_compatible") is False
        if is_refused and _read_reason(answer):
            raise self._to_incompatible(answer)
        return not is_refused

    def register(self) -> None:
        """Registers the shipped schema; one that is there already keeps its id and version."""
        answer = self._ask("POST", f"{self._path}/versions", SHIPPED_SCHEMA)
        if answer.status in (_CONFLICT, _UNPROCESSABLE):
            raise self._to_incompatible(answer)
        self._read(answer)
        logger.info("schema registered", subject=self.subject)

    def _to_incompatible(self, answer: _Answer) -> Misconfigured:
        """The error for a schema that the registry does not want, with its reason."""
        reason = _read_reason(answer)
        return Misconfigured(
            f"the registry refuses feature_trigger.avsc under subject {self.subject}, most likely as incompatible with "
            f"the version before: compare the two, or set SCHEMA_VERSION=latest{reason and f'; it says: {reason}'}"
        )

    def _ask(self, method: str, path: str, schema: str | None = None) -> _Answer:
        """The registry's answer; where it no longer knows the login, to a second try with the secret read anew."""
        session = self._session = self._session or self._open()
        answer = self._ask_once(session, method, path, schema)
        if answer.status == _UNAUTHORIZED and self._secret is not None:
            session.auth = _read_basic(self._secret)
            answer = self._ask_once(session, method, path, schema)
        return answer

    def _ask_once(self, session: "requests.Session", method: str, path: str, schema: str | None) -> _Answer:
        import requests

        try:
            return run_within(ANSWER_SECONDS, partial(self._request, session, method, path, schema))
        except TimeoutError:
            raise _to_unreached(self._url, f"no answer within {ANSWER_SECONDS:.0f} s") from None
        except requests.RequestException as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Misconfigured(
                    f"the certificate of the schema registry at {self._url} is not trusted: check it, and the "
                    "authorities that the function trusts (SCHEMA_REGISTRY_CA_SECRET_ARN)"
                ) from None
            raise _to_unreached(self._url, type(error).__name__) from None

    def _request(self, session: "requests.Session", method: str, path: str, schema: str | None) -> _Answer:
        """One request's answer, of which no more is read than it may have."""
        content = bytearray()
        with session.request(
            method,
            self._url + path,
            json=None if schema is None else {"schema": schema},
            headers=_HEADERS,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            for part in answer.iter_content(_PART_BYTES):
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise Undelivered(
                        f"the schema registry at {self._url} answers with more than {MAX_ANSWER_BYTES:,} bytes: check "
                        "that SCHEMA_REGISTRY is the base URL of its Confluent interface"
                    )
        return _Answer(answer.status_code, _parse(bytes(content)))

    def _open(self) -> "requests.Session":
        import requests

        session = requests.Session()
        if self._ca_secret is not None:
            session.mount("https://", _to_adapter(read_tls_context("SCHEMA_REGISTRY_CA_SECRET_ARN", self._ca_secret)))
        if self._secret is not None:
            session.auth = _read_basic(self._secret)
        return session

    def _read(self, answer: _Answer) -> dict[str, Any]:
        """The answer's JSON object, where the registry did as asked."""
        status, body = answer
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            raise Misconfigured(
                f"the schema registry at {self._url} refuses access to {self.subject} (HTTP {status}): grant it"
                f"{' and check the secret in SCHEMA_REGISTRY_SECRET_ARN' if self._secret else ''}"
            )
        if status == _TOO_MANY or status >= _SERVER_ERRORS:
            raise Undelivered(f"the schema registry at {self._url} answers HTTP {status}")
        if status >= _REDIRECTS:
            raise Misconfigured(
                f"the schema registry at {self._url} answers HTTP {status}: check that SCHEMA_REGISTRY is the base URL "
                "of its Confluent interface"
            )
        if type(body) is not dict:
            raise Undelivered(f"the schema registry at {self._url} answers something that is no JSON object")
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


def read_tls_context(setting: str, arn: str) -> "ssl.SSLContext":
    """Trusts the authorities in the secret that this setting names, and no others."""
    import ssl

    from feature_events.aws.secret import Secret

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=Secret(setting, arn).read_ca_certificates())
    except (ssl.SSLError, ValueError):
        raise Misconfigured(
            f"the secret in {setting} holds what OpenSSL cannot read as certificates: write PEM"
        ) from None
    return context


def _to_adapter(context: "ssl.SSLContext") -> "HTTPAdapter":
    """Lets requests verify certificates by this context alone; it takes authorities only from files otherwise."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        @override
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options, ssl_context=context)

        @override
        def cert_verify(self, *_: Any) -> None:
            """Adds no public authorities to the context's."""

    return Adapter()


def _read_basic(arn: str) -> Callable[["requests.PreparedRequest"], "requests.PreparedRequest"]:
    from requests.auth import HTTPBasicAuth

    from feature_events.aws.secret import Secret

    login = Secret("SCHEMA_REGISTRY_SECRET_ARN", arn).read_login()
    # As bytes, or other letters than Latin ones could not be sent
    return HTTPBasicAuth(login.username.encode(), login.password.encode())


def _parse(content: bytes) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _to_unreached(url: str | None, reason: str) -> Undelivered:
    return Undelivered(
        f"the schema registry at {url} was not reached ({reason}): check SCHEMA_REGISTRY "
        "and the way to it (subnets, security groups, DNS)"
    )


def _read_reason(answer: _Answer) -> str:
    """What the registry says of its refusal, on one line and not longer than fits into an error."""
    body = answer.body
    found = (body.get("messages") or body.get("message")) if type(body) is dict else None
    texts = found if type(found) is list else [found] if found else []
    return " ".join("; ".join(str(text) for text in texts).split())[:_REASON_LENGTH]
