"""How librdkafka is told to authenticate, and when secrets are read."""

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
    """How often each secret has been read."""
    counted: Counter[str] = Counter()

    def read(self: secret.Secret) -> str:
        counted[self.arn] += 1
        return VALUES[self.arn]

    monkeypatch.setattr(secret.Secret, "_read", read)
    return counted


def to_authentication(auth: str, **environ: str) -> Authentication:
    """The authentication of these settings."""
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
def test_to_properties__are_librdkafkas(
    reads: Counter[str], auth: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    """Each authentication is a handful of properties; without CA certificates in the settings the public ones count."""
    assert to_authentication(auth, **environ).to_properties(TIME_LEFT) == expected
    assert set(reads) == {arn for arn in environ.values() if arn.startswith(ARN)}


def test_forget__reads_secrets_again(reads: Counter[str]) -> None:
    """A secret is read once, until it is forgotten."""
    authentication = to_authentication("scram", KAFKA_SECRET_ARN=f"{ARN}login", KAFKA_CA_SECRET_ARN=f"{ARN}ca")
    for _ in range(3):
        authentication.to_properties(TIME_LEFT)
    assert reads == {f"{ARN}login": 1, f"{ARN}ca": 1}
    authentication.accept()
    assert [authentication.forget(), authentication.forget()] == [True, False]
    authentication.to_properties(TIME_LEFT)
    assert reads == {f"{ARN}login": 2, f"{ARN}ca": 2}


@pytest.mark.parametrize(
    ("auth", "arn"), [("scram", {"KAFKA_SECRET_ARN": f"{ARN}login"}), ("tls", {"KAFKA_CA_SECRET_ARN": f"{ARN}ca"})]
)
def test_to_properties__keep_the_deadline(monkeypatch: pytest.MonkeyPatch, auth: str, arn: dict[str, str]) -> None:
    """A secret that takes longer than the batch has left is waited for no longer; the next batch asks again."""
    released = threading.Event()
    monkeypatch.setattr(secret.Secret, "_read", lambda self: (released.wait(12), VALUES[self.arn])[1])
    authentication = to_authentication(auth, **arn)
    with pytest.raises(Undelivered, match=r"before the secrets in KafkaSecretArn \(KAFKA_SECRET_ARN\)"):
        authentication.to_properties(Deadline(0.1))
    released.set()
    assert authentication.to_properties(TIME_LEFT)


def test_to_properties__have_a_source_of_tokens(provider: TokenProvider) -> None:
    """Under `iam` the client is given what it calls for tokens."""
    properties = to_authentication("iam").to_properties(TIME_LEFT)
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert properties["oauth_cb"]("")[0].count(".") == 2
    assert provider.given == 1


def test_to_properties__fetch_a_token_of_the_client_in_the_secret(
    reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under `oauth` the token endpoint is asked by the client of the secret, and trusted by the brokers' CA too."""
    asked = []

    def fetch(self: web_tokens.Tokens) -> web_tokens.Token:
        asked.append(self.peer.name)
        return web_tokens.Token("token-1", 60.0)

    monkeypatch.setattr(web_tokens.Tokens, "fetch", fetch)
    authentication = to_authentication("oauth", KAFKA_SECRET_ARN=f"{ARN}client", KAFKA_CA_SECRET_ARN=f"{ARN}real-ca")
    properties = authentication.to_properties(TIME_LEFT)
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert properties["oauth_cb"]("")[0] == "token-1"
    assert authentication.to_properties(TIME_LEFT)
    assert asked == ["token endpoint at https://idp/token"]
    authentication.forget()
    assert authentication.to_properties(TIME_LEFT)
    assert asked == 2 * ["token endpoint at https://idp/token"]
    assert reads == {f"{ARN}client": 2, f"{ARN}real-ca": 2}


@pytest.mark.parametrize("auth", ["tls", "scram", "iam"])
def test_authentication__imports_nothing_of_oauth(auth: str) -> None:
    """The import of requests is a large part of a cold start, so only `oauth` has it."""
    environ = {"KAFKA_AUTH": auth, **LEAST, **({"KAFKA_SECRET_ARN": f"{ARN}login"} if auth == "scram" else {})}
    code = f"""
import sys
from feature_events.kafka.authentication import Authentication
from feature_events.settings.settings import read_settings
Authentication(read_settings({environ}))
print(sorted({{"requests", "feature_events.kafka.oauth"}} & set(sys.modules)))
"""
    done = subprocess.run(  # noqa: S603  # the command is this test's
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
