"""How librdkafka is told to authenticate, and when secrets are read."""

import base64
import threading
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest

from feature_events.aws import secret
from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.kafka.authentication import Authentication
from feature_events.kafka.tokens import Token
from feature_events.settings import read_settings
from tests.support.doubles import FakeClock
from tests.support.iam import TokenProvider

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
TIME_LEFT = Deadline(1e9)
LEAST = {"KAFKA_BROKER_URL": "b:9096", "SCHEMA_ID": "7", "AWS_REGION": "us-east-1"}
VALUES = {
    f"{ARN}login": '{"username": "alice", "password": "hidden"}',
    f"{ARN}certificate": '{"certificate": "cert", "privateKey": "key", "privateKeyPassword": "hidden"}',
    f"{ARN}ca": "-----BEGIN CERTIFICATE-----",
}
PUBLIC = {"ssl.ca.location": certifi.where()}
SCRAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "alice",
    "sasl.password": "hidden",
}
MTLS = {
    "security.protocol": "SSL",
    "ssl.certificate.pem": "cert",
    "ssl.key.pem": "key",
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
        ("scram", {"KAFKA_SECRET_ARN": f"{ARN}login"}, {**SCRAM, **PUBLIC}),
        ("mtls", {"KAFKA_SECRET_ARN": f"{ARN}certificate"}, {**MTLS, **PUBLIC}),
        (
            "tls",
            {"KAFKA_CA_SECRET_ARN": f"{ARN}ca"},
            {"security.protocol": "SSL", "ssl.ca.pem": "-----BEGIN CERTIFICATE-----"},
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
    with pytest.raises(Undelivered, match="before the secrets in KAFKA_SECRET_ARN"):
        authentication.to_properties(Deadline(0.1))
    released.set()
    assert authentication.to_properties(TIME_LEFT)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """The provider of tokens, in the place of AWS's."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    provider = TokenProvider()
    name = "aws_msk_iam_sasl_signer.MSKAuthTokenProvider.generate_auth_token"
    monkeypatch.setattr(name, provider.generate_auth_token)
    return provider


def test_to_properties__have_a_source_of_tokens(provider: TokenProvider) -> None:
    """The first token is signed before the client asks, each further one when it does."""
    properties = to_authentication("iam").to_properties(TIME_LEFT)
    assert (properties["security.protocol"], properties["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert provider.given == 1
    for given in (1, 2, 3):
        text, expires, _, _ = properties["oauth_cb"]("")
        assert text.count(".") == 2
        assert expires > 1e9
        assert provider.given == given


def test_source_of_tokens__gives_the_last_one_while_it_is_good(provider: TokenProvider) -> None:
    """A provider that fails when a token is to be renewed costs nothing until that token ends."""
    clock = FakeClock()
    provider.life = 900
    authentication = Authentication(read_settings({**LEAST, "KAFKA_AUTH": "iam"}), clock)
    give = authentication.to_properties(TIME_LEFT)["oauth_cb"]
    first = give("")
    provider.error = RuntimeError("hidden")
    assert give("") == first
    clock.seconds = first[1]
    with pytest.raises(Undelivered, match="RuntimeError") as raised:
        give("")
    assert "hidden" not in str(raised.value)


def test_token__does_not_show_itself() -> None:
    """Who prints a token sees when it ends."""
    assert f"{Token('hidden', 7.0)}" == "Token(..., expires=7.0)"


def test_sign_token__is_signed_by_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own provider signs for the function's region, by the credentials that Lambda gives."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "session",
    }.items():
        monkeypatch.setenv(name, value)
    text, expires, _, _ = to_authentication("iam").to_properties(TIME_LEFT)["oauth_cb"]("")
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = parse_qs(url.query)
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIATEST/")
    assert query["X-Amz-Expires"] == ["900"]
    assert 800 < expires - time.time() <= 900
