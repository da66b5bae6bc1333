"""A token endpoint's response becomes a token for Kafka, with its expiry and Confluent Cloud's extensions."""

import json
import threading
from urllib.parse import urlsplit

import pytest

from feature_events.aws import secret
from feature_events.errors import Misconfigured, Undelivered
from feature_events.kafka.tokens import fetch_oauth_token
from tests.support.doubles import FakeClock
from tests.support.web_server import Answer, ScriptedServer

NOW = 1000.0
CLIENT = {"client_id": "me", "client_secret": "hidden", "token_url": "https://127.0.0.1:1/token"}
CLOUD = {"logical_cluster": "lkc-1", "identity_pool": "pool-1"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> dict[str, str]:
    """Return the secret's value. Its endpoint uses no TLS."""
    value = CLIENT | {"token_url": f"{server.url}/token"}
    monkeypatch.setattr(secret.Secret, "_read", lambda _: json.dumps(value))
    monkeypatch.setattr(secret, "parse_url", lambda text, _: urlsplit(text))
    return value


def fetch(seconds: float = 9.0) -> tuple[str, float, float, dict[str, str]]:
    """Fetch a token; return its text, its life, how long new clients use it, and its extensions."""
    text, expires, good_until, extensions = fetch_oauth_token("arn", lambda: None, FakeClock(NOW), seconds)
    return text, expires - NOW, good_until - NOW, dict(extensions)


@pytest.mark.parametrize(
    ("reported", "life", "good"),
    [
        (3600, 3600, 3540),
        (300, 300, 270),
        (60, 60, 54),
        (None, 300, 270),
        ("60", 60, 54),
        ("1e3", 300, 270),
        (1e12, 300, 270),
    ],
)
def test_fetch_oauth_token__is_used_for_most_of_its_life(
    client: dict[str, str], server: ScriptedServer, reported: object, life: float, good: float
) -> None:
    """New clients do not use a token that expires soon. Without a reported life, a token lives for five minutes."""
    assert client["client_id"] == "me"
    server.script = [Answer.of(200, {"access_token": "token-1", "token_type": "Bearer", "expires_in": reported})]
    assert fetch() == ("token-1", life, good, {})


def test_fetch_oauth_token__has_the_extensions_of_confluent_cloud(
    client: dict[str, str], server: ScriptedServer
) -> None:
    """The extensions have Confluent's names. The secret is read again for each token."""
    server.script = [Answer.of(200, {"access_token": "token-1", "expires_in": 60})]
    assert fetch()[3] == {}
    client |= CLOUD
    assert fetch()[3] == {"logicalCluster": "lkc-1", "identityPoolId": "pool-1"}
    del client["identity_pool"]
    assert fetch()[3] == {"logicalCluster": "lkc-1"}


@pytest.mark.parametrize("life", [0, -1])
def test_fetch_oauth_token__refuses_an_expired_token(
    client: dict[str, str], server: ScriptedServer, life: float
) -> None:
    """The error from librdkafka would contain no remedy."""
    assert client["client_id"] == "me"
    server.script = [Answer.of(200, {"access_token": "token-1", "expires_in": life})]
    with pytest.raises(
        Misconfigured, match=r"returns expired tokens .*: increase their lifetime in the identity provider"
    ):
        fetch()


def test_fetch_oauth_token__stops_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching a token takes no longer than the batch has time."""
    released = threading.Event()
    monkeypatch.setattr(secret.Secret, "_read", lambda _: (released.wait(9), json.dumps(CLIENT))[1])
    with pytest.raises(
        Undelivered, match=r"within 0.1 s with the secret in KafkaSecretArn \(KAFKA_SECRET_ARN\): check"
    ):
        fetch(0.1)
    released.set()


def test_fetch_oauth_token__requires_an_oauth_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a secret with another form, the error names the setting and the required form."""
    monkeypatch.setattr(secret.Secret, "_read", lambda _: '{"username": "me", "password": "hidden"}')
    with pytest.raises(Misconfigured, match=r'KAFKA_SECRET_ARN\) must have the form [{]"client_id"') as raised:
        fetch()
    assert "hidden" not in str(raised.value)
