"""Generate bad responses of registries and token endpoints: valid ones with damaged parts, and invalid JSON."""

import copy
import json
from collections.abc import Iterator
from io import BytesIO
from random import Random
from typing import Any, NamedTuple, override

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from feature_events.events.schema import SHIPPED_SCHEMA
from tests.simulation.garbage import spoil, to_garbage

_GOOD_STATUS, _STATUSES = 200, (200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503)
_HEADERS = ({"Location": "http://["}, {"Location": "\xff"}, {"Content-Encoding": "gzip"}, {"Set-Cookie": "a=;"})
_ODD = (
    0, -1, 1, True, 2**31 - 1, 2**31, 2257871337, 10**400, -(10**400), float("nan"), float("inf"), 1e308, None, [[1]],
)  # fmt: skip
_NOT_SCHEMAS = ("", "{}", "[]", "null", '"string"', "\ud800", "[" * 60_000, '{"type":' * 900 + '"int"' + "}" * 900)
_NOT_JSON = (
    b"", b"<html>no such page</html>", b"\xff\xfe", b"\x00" * 9, b"[" * 60_000, b'{"id":' * 60_000, b"null", b"[[1]]",
    b'{"id": ' + b"9" * 5000 + b"}", b'{"expires_in": ' + b"9" * 400 + b"}", b'"\\ud800"', b"[" * 900 + b"]" * 900,
    b'{"message": ' + b"[" * 900 + b"]" * 900 + b"}", b'{"__type": []}', b'{"__type": "EntityNotFoundException"}',
)  # fmt: skip


class BadAnswer(NamedTuple):
    """The response to one request."""

    status: int
    body: bytes
    headers: dict[str, str]


def to_bad_answer(random: Random, good: Any) -> BadAnswer:  # noqa: ANN401  # any JSON
    """Return a valid response, possibly with damaged parts or another status, or arbitrary content."""
    status = _GOOD_STATUS if random.random() < 0.8 else random.choice(_STATUSES)
    headers: dict[str, str] = random.choice(_HEADERS) if random.random() < 0.05 else {}
    choice = random.random()
    if choice < 0.1:
        return BadAnswer(status, random.choice(_NOT_JSON), headers)
    if choice < 0.2:
        return BadAnswer(status, json.dumps(to_garbage(random)).encode(), headers)
    if choice < 0.3 and status == _GOOD_STATUS:
        absent = {"error_code": random.choice((40401, 40402, 40403, 404, "40401", None)), "message": "not found"}
        return BadAnswer(404, json.dumps(absent).encode(), headers)
    body = copy.deepcopy(good)
    if choice < 0.7:
        _damage(random, body)
    text = json.dumps(body).encode()
    return BadAnswer(status, text[: random.randrange(len(text))] if choice > 0.97 else text, headers)


def _damage(random: Random, body: Any) -> None:  # noqa: ANN401  # any JSON
    """Damage one to three parts of a response."""
    for _ in range(random.randrange(1, 4)):
        odd = random.choice(_ODD) if random.random() < 0.6 else to_garbage(random)
        if type(body) is list:
            body.insert(random.randrange(len(body) + 1), odd)
        elif random.random() < 0.5 and body:
            body[random.choice([*body])] = odd
        else:
            spoil(random, body)


def to_schema_text(random: Random) -> str:
    """Return the shipped schema as a registry might return it, often damaged or deeply nested."""
    choice = random.random()
    if choice < 0.3:
        return SHIPPED_SCHEMA
    if choice < 0.4:
        return random.choice(_NOT_SCHEMAS)
    schema = json.loads(SHIPPED_SCHEMA)
    field = random.choice(schema["fields"])
    for _ in range(random.randrange(4)):
        spoil(random, random.choice((schema, field)))
    if random.random() < 0.3:
        random.choice((schema, field))["aliases"] = random.choice((None, [], "id", [1], ["other"], {"a": 1}))
    if random.random() < 0.2:
        field["type"] = json.loads('{"type": "array", "items": ' * 90 + '"string"' + "}" * 90)
    return json.dumps(schema)


class BadServer(HTTPAdapter):
    """A replacement for the connection to a server. It responds to each request and counts them."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self.answered = 0
        self.last: list[BadAnswer] = []
        """The responses since the list was last cleared."""

    def answer(self, good: Any) -> BadAnswer:  # noqa: ANN401  # any JSON
        """Generate the next response."""
        self.answered += 1
        self.last.append(to_bad_answer(self._random, good))
        return self.last[-1]

    @override
    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """Respond like a Confluent-compatible registry or a token endpoint, depending on the URL."""
        status, body, headers = self.answer(self._to_good(request.method or "", request.url or ""))
        raw = HTTPResponse(BytesIO(body), headers, status, preload_content=False)
        return self.build_response(request, raw)

    def _to_good(self, method: str, url: str) -> Any:  # noqa: ANN401  # any JSON
        found = {"subject": "s", "id": 12, "version": 3, "schema": to_schema_text(self._random), "schemaType": "AVRO"}
        if url.endswith("/token"):
            return {"access_token": "hidden", "token_type": "Bearer", "expires_in": 300}
        if "/compatibility/" in url:
            return self._random.choice(({"is_compatible": True}, {"is_compatible": False, "messages": ["a", "b"]}))
        if url.endswith("/versions"):
            return [1, 2] if method == "GET" else {"id": 12}
        return found

    def send_to_glue(self, request: Any, **_: Any) -> AWSResponse:  # noqa: ANN401  # botocore's own
        """Respond like AWS Glue, as a handler for botocore's event `before-send`."""
        number = self._random.choice((1, 2, 3, 101))
        good = {
            "SchemaVersionId": "11111111-2222-3333-4444-555555555555",
            "SchemaDefinition": to_schema_text(self._random),
            "DataFormat": "AVRO",
            "Status": self._random.choice(("AVAILABLE", "AVAILABLE", "PENDING", "FAILURE")),
            "VersionNumber": number,
            "LatestSchemaVersion": number,
        }
        status, body, headers = self.answer(good)
        if status >= 300:
            code = self._random.choice(("EntityNotFoundException", "AlreadyExistsException", "InvalidInputException"))
            body = self._random.choice((body, json.dumps({"__type": code, "Message": "reason"}).encode()))
        names = HTTPHeaders()
        for name, value in headers.items():
            names[name] = value
        return AWSResponse(request.url, status, names, _Raw(body))


class _Raw(NamedTuple):
    body: bytes

    def stream(self, **_: Any) -> Iterator[bytes]:  # noqa: ANN401  # botocore's own
        """Yield the body."""
        yield self.body
