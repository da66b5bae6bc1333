"""For any response of a registry or token endpoint, the result is a schema, a token, or one of the three errors."""

import re
from collections.abc import Callable
from random import Random
from uuid import UUID

import boto3
import pytest
import requests
from botocore.config import Config

from feature_events.aws.secret import OAuthClient
from feature_events.errors import FeatureEventsError
from feature_events.events.schema import Schema
from feature_events.registries import confluent_client, glue
from feature_events.registries.confluent_client import REGISTRY_SETTINGS, Access
from feature_events.registries.registry import Registered
from feature_events.registries.schema import find_schema, make_registry
from feature_events.settings.settings import Settings, read_settings
from feature_events.web.session import Session
from feature_events.web.tokens import TokenClient
from tests.simulation.bad_answers import BadServer
from tests.simulation.scale import SEED, report, scaled

ANSWERS = scaled(600, 100_000)
LONG = 60.0
WAYS: tuple[dict[str, str], ...] = (
    {},
    {"SCHEMA_VERSION": "latest"},
    {"SCHEMA_VERSION": "3"},
    {"AUTO_REGISTER_SCHEMAS": "true"},
)


class _Silence:
    """A logger that discards its messages."""

    def info(self, message: str, **values: object) -> None:
        """Assert that no whole response is logged."""
        assert len(f"{message}{values}") < 1000


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable metrics and logs, because there are a hundred thousand responses."""
    monkeypatch.setattr("feature_events.metrics.emit_registry_latency", lambda *_: None)
    for module in ("confluent", "glue"):
        monkeypatch.setattr(f"feature_events.registries.{module}.logger", _Silence())


@pytest.fixture
def server() -> BadServer:
    """Create the server."""
    return BadServer(Random(SEED))  # noqa: S311  # repeatable


def run(boundary: str, server: BadServer, request: Callable[[], object]) -> None:
    """Repeat a request until the server has sent enough responses; assert that each succeeds or raises our error."""
    results: dict[str, int] = {}
    texts: set[str] = set()
    while server.answered < ANSWERS:
        server.last.clear()
        try:
            result = type(request()).__name__
        except FeatureEventsError as error:
            result = type(error).__name__
            texts.add(str(error))
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} after {server.last}") from error
        results[result] = results.get(result, 0) + 1
    assert {"Misconfigured", "Undelivered"} < results.keys(), results
    assert "hidden" not in "".join(texts).encode().decode()  # encoding shows that each can be logged
    report(
        "input",
        f"{server.answered:,} generated answers of {boundary}: "
        "only PoisonRecord, Undelivered or Misconfigured were raised",
    )


def to_settings(random: Random, registry: str) -> Settings:
    """Create settings with one of the ways to find a schema."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": registry, **random.choice(WAYS)})


def find_or_register(random: Random, registry: str) -> Schema | Registered:
    """Find the schema like a start, or register it like a deployment."""
    settings = to_settings(random, registry)
    found = make_registry(settings).ensure_registered() if random.random() < 0.3 else find_schema(settings, LONG)
    kind = UUID if registry == "glue" else int
    assert type(found.id) is kind
    assert registry == "glue" or 0 < int(found.id) < 2**31
    assert not isinstance(found, Schema) or type(found.text) is str
    return found


def test_find_schema__handles_any_response_of_a_registry(monkeypatch: pytest.MonkeyPatch, server: BadServer) -> None:
    """It finds a schema with an id that events can contain, or raises an error with the remedy."""
    session, random = Session(), Random(SEED)  # noqa: S311  # repeatable
    session.mount("http://", server)
    monkeypatch.setattr(confluent_client, "open_access", lambda *_: Access(session))
    run("a Confluent-compatible registry", server, lambda: find_or_register(random, "http://registry:8081"))


def test_find_schema__handles_any_response_of_glue(monkeypatch: pytest.MonkeyPatch, server: BadServer) -> None:
    """Glue's responses are parsed by botocore."""
    random = Random(SEED)  # noqa: S311  # repeatable
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client("glue", "eu-west-1", config=config)
    client.meta.events.register("before-send.glue", server.send_to_glue)  # type: ignore[arg-type]  # it may return a response
    monkeypatch.setattr(glue, "make_glue_client", lambda _: client)
    monkeypatch.setattr(glue, "VALIDATION_SECONDS", 0.0)
    monkeypatch.setattr(glue, "PAUSE_SECONDS", 0.0)
    run("AWS Glue", server, lambda: find_or_register(random, "glue"))


def test_make_headers__handles_any_response_of_a_token_endpoint(server: BadServer) -> None:
    """The result is a valid header, or an error without secret and token."""
    session, now = Session(), iter(range(10**9))
    session.mount("https://", server)
    client = OAuthClient("me", "hidden", "https://idp.example.com/token")
    tokens = TokenClient(client, session, REGISTRY_SETTINGS, lambda: 60.0 * next(now))

    def request() -> dict[str, str]:
        tokens.forget()
        headers = [tokens.make_headers() for _ in range(2)]
        assert all(re.fullmatch(r"Bearer [!-~]+", each["Authorization"]) for each in headers)
        assert requests.Request("GET", "https://registry", headers=headers[1]).prepare()
        return headers[1]

    run("a token endpoint", server, request)
