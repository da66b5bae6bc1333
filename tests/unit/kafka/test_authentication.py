"""Authentication becomes librdkafka properties, and secrets are read when they are needed."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter

import certifi
import pytest

from feature_events.aws import secret
from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.kafka.authentication import Authentication
from feature_events.settings.settings import read_settings
from feature_events.web import tokens as web_tokens
from tests.support.certificates import CertificateAuthority
from tests.support.iam import TokenProvider

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
TIME_LEFT = Deadline(1e9)
CLIENT = CertificateAuthority().issue("client", password="hidden")  # noqa: S106  # of a key that is made here
LEAST = {"KAFKA_BROKER_URL": "b:9096", "SCHEMA_ID": "7", "AWS_REGION": "us-east-1"}
VALUES = {
    f"{ARN}login": '{"username": "alice", "password": "hidden"}',
    f"{ARN}certificate": json.dumps(
        {"certificate": CLIENT.certificate, "privateKey": CLIENT.private_key, "privateKeyPassword": "hidden"}
    ),
    f"{ARN}ca": PEM,
    f"{ARN}real-ca": CertificateAuthority().certificate,
    f"{ARN}client": '{"client_id": "me", "client_secret": "hidden", "token_url": "https://idp/token"}',
}
PUBLIC = {"ssl.ca.location": certifi.where()}
LOGIN = {"security.protocol": "SASL_SSL", "sasl.username": "alice", "sasl.password": "hidden"}
MTLS = {
    "security.protocol": "SSL",
    "ssl.certificate.pem": CLIENT.certificate,
    "ssl.key.pem": CLIENT.private_key,
    "ssl.key.password": "hidden",
}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each secret is read."""
    counted: Counter[str] = Counter()

    def read(self: secret.Secret) -> str:
        counted[self.arn] += 1
        return VALUES[self.arn]

    monkeypatch.setattr(secret.Secret, "_read", read)
    return counted


def to_authentication(auth: str, **environ: str) -> Authentication:
    """Create the authentication for these settings."""
    return Authentication(read_settings({**LEAST, "KAFKA_AUTH": auth, **environ}))


@pytest.mark.parametrize(
    ("auth", "environ", "expected"),
    [
        ("tls", {}, {"security.protocol": "SSL", **PUBLIC}),
        ("plain", {"KAFKA_SECRET_ARN": f"{ARN}login"}, {"sasl.mechanism": "PLAIN", **LOGIN, **PUBLIC}),
        ("scram", {"KAFKA_SECRET_ARN": f"{ARN}login"}, {"sasl.mechanism": "SCRAM-SHA-512", **LOGIN, **PUBLIC}),
        ("scram-256", {"KAFKA_SECRET_ARN": f"{ARN}login"}, {"sasl.mechanism": "SCRAM-SHA-256", **LOGIN, **PUBLIC}),
        ("mtls", {"KAFKA_SECRET_ARN": f"{ARN}certificate"}, {**MTLS, **PUBLIC}),
        (
            "tls",
            {"KAFKA_CA_SECRET_ARN": f"{ARN}ca"},
            {"security.protocol": "SSL", "ssl.ca.pem": PEM},
        ),
        ("tls", {"KAFKA_PROPERTIES": '{"ssl.ca.location": "/opt/ca.pem"}'}, {"security.protocol": "SSL"}),
    ],
)
def test_read_properties__returns_the_properties_of_each_method(
    reads: Counter[str], auth: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    """Without CA certificates in the settings, the public ones are trusted."""
    assert to_authentication(auth, **environ).read_properties(TIME_LEFT) == expected
    assert set(reads) == {arn for arn in environ.values() if arn.startswith(ARN)}


def test_forget__makes_the_next_client_read_the_secrets_again(reads: Counter[str]) -> None:
    """A secret is read once and cached until it is forgotten."""
    authentication = to_authentication("scram", KAFKA_SECRET_ARN=f"{ARN}login", KAFKA_CA_SECRET_ARN=f"{ARN}ca")
    for _ in range(3):
        authentication.read_properties(TIME_LEFT)
    assert reads == {f"{ARN}login": 1, f"{ARN}ca": 1}
    authentication.accept()
    assert [authentication.forget(), authentication.forget()] == [True, False]
    authentication.read_properties(TIME_LEFT)
    assert reads == {f"{ARN}login": 2, f"{ARN}ca": 2}


@pytest.mark.parametrize(
    ("auth", "arn"), [("scram", {"KAFKA_SECRET_ARN": f"{ARN}login"}), ("tls", {"KAFKA_CA_SECRET_ARN": f"{ARN}ca"})]
)
def test_read_properties__stops_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, auth: str, arn: dict[str, str]
) -> None:
    """Reading a slow secret ends at the batch's deadline, and the next batch reads it again."""
    released = threading.Event()
    monkeypatch.setattr(secret.Secret, "_read", lambda self: (released.wait(12), VALUES[self.arn])[1])
    authentication = to_authentication(auth, **arn)
    with pytest.raises(
        Undelivered, match=r"the secrets in KafkaSecretArn \(KAFKA_SECRET_ARN\) and .* were not read before"
    ):
        authentication.read_properties(Deadline(0.1))
    released.set()
    assert authentication.read_properties(TIME_LEFT)


def test_read_properties__contains_a_token_callback_for_iam(provider: TokenProvider) -> None:
    """With `iam`, the client gets signed tokens from a callback."""
    properties = to_authentication("iam").read_properties(TIME_LEFT)
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert properties["oauth_cb"]("")[0].count(".") == 2
    assert provider.given == 1


def test_read_properties__fetches_a_token_for_oauth(reads: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With `oauth`, the client in the secret fetches a token once, and again after the secrets are forgotten."""
    fetched = []

    def fetch(self: web_tokens.TokenClient) -> web_tokens.AccessToken:
        fetched.append(self.peer.name)
        return web_tokens.AccessToken("token-1", 60.0)

    monkeypatch.setattr(web_tokens.TokenClient, "fetch", fetch)
    authentication = to_authentication("oauth", KAFKA_SECRET_ARN=f"{ARN}client", KAFKA_CA_SECRET_ARN=f"{ARN}real-ca")
    properties = authentication.read_properties(TIME_LEFT)
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert properties["oauth_cb"]("")[0] == "token-1"
    assert authentication.read_properties(TIME_LEFT)
    assert fetched == ["token endpoint at https://idp/token"]
    authentication.forget()
    assert authentication.read_properties(TIME_LEFT)
    assert fetched == 2 * ["token endpoint at https://idp/token"]
    assert reads == {f"{ARN}client": 2, f"{ARN}real-ca": 2}


@pytest.mark.parametrize("auth", ["tls", "scram", "iam"])
def test_authentication__does_not_import_requests(auth: str) -> None:
    """Importing requests is a large part of a cold start, so only `oauth` does it."""
    environ = {"KAFKA_AUTH": auth, **LEAST, **({"KAFKA_SECRET_ARN": f"{ARN}login"} if auth == "scram" else {})}
    code = f"""
import sys
from feature_events.kafka.authentication import Authentication
from feature_events.settings.settings import read_settings
Authentication(read_settings({environ}))
print(sorted({{"requests", "feature_events.web.tokens"}} & set(sys.modules)))
"""
    done = subprocess.run(  # noqa: S603  # the command is this test's
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
