"""Secrets have the forms of AWS. Errors contain the setting, and no value is shown."""

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from tests.support.secrets import Secrets, run_secrets

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
LOGIN = {"username": "alice", "password": "hidden"}
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    """Run an empty Secrets Manager."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with run_secrets() as running:
        yield running


def to_secret(secrets: Secrets, value: dict[str, str] | str) -> Secret:
    """Create a secret with this value, in the setting THE_SETTING."""
    return Secret("THE_SETTING", secrets.put(value))


def test_read_login__accepts_the_form_of_msk(secrets: Secrets) -> None:
    """Other names in the secret are ignored."""
    assert to_secret(secrets, {**LOGIN, "engine": "kafka"}).read_login() == Login("alice", "hidden")


def test_read_client_certificate__accepts_the_form_of_lambda(secrets: Secrets) -> None:
    """The form is that of Lambda's Kafka event sources, with an optional password."""
    value = {"certificate": PEM, "privateKey": "key"}
    assert to_secret(secrets, value).read_client_certificate() == ClientCertificate(PEM, "key", None)
    value["privateKeyPassword"] = "hidden"  # the test's own
    assert to_secret(secrets, value).read_client_certificate() == ClientCertificate(PEM, "key", "hidden")


@pytest.mark.parametrize("value", [{"certificate": PEM}, PEM, f"\n{PEM}"])
def test_read_ca_certificates__accepts_an_object_or_plain_pem(secrets: Secrets, value: dict[str, str] | str) -> None:
    """The object has the form of Lambda's Kafka event sources."""
    assert to_secret(secrets, value).read_ca_certificates().strip() == PEM.strip()


@pytest.mark.parametrize(
    "value", ["hidden", '["hidden"]', '{"username": "hidden"}', '{"username": "u", "password": ""}', '{"password": 7}']
)
def test_read_login__requires_its_form(secrets: Secrets, value: str) -> None:
    """The error contains the form, and nothing from the secret."""
    with pytest.raises(Misconfigured, match="THE_SETTING must have the form") as raised:
        to_secret(secrets, value).read_login()
    assert "hidden" not in str(raised.value)
    assert '{"username": "...", "password": "..."}' in str(raised.value)


OAUTH = {"client_id": "c", "client_secret": "hidden", "token_url": "https://idp:8443/token?p=1"}
CERTIFICATE = {"certificate": PEM, "privateKey": "hidden"}


@pytest.mark.parametrize(
    ("value", "credentials"),
    [
        ({**LOGIN, "scope": "s", "engine": "kafka"}, Login("alice", "hidden")),
        (OAUTH, OAuthClient("c", "hidden", "https://idp:8443/token?p=1")),
        (
            {**OAUTH, "scope": "a b", "logical_cluster": "lsrc-1", "identity_pool": "pool-1"},
            OAuthClient("c", "hidden", "https://idp:8443/token?p=1", "a b", "lsrc-1", "pool-1"),
        ),
        ({**OAUTH, "scope": ""}, OAuthClient("c", "hidden", "https://idp:8443/token?p=1")),
        (CERTIFICATE, ClientCertificate(PEM, "hidden", None)),
        ({**CERTIFICATE, "privateKeyPassword": "p"}, ClientCertificate(PEM, "hidden", "p")),
    ],
)
def test_read_credentials__depends_on_the_form(secrets: Secrets, value: dict[str, str], credentials: object) -> None:
    """The names in the secret select the authentication. Other names are ignored."""
    found = to_secret(secrets, value).read_credentials()
    assert (type(found), found) == (type(credentials), credentials)


@pytest.mark.parametrize(
    "value",
    [
        "hidden",
        '["hidden"]',
        {"engine": "hidden"},
        {"username": "hidden"},
        {**LOGIN, "password": ""},
        {name: text for name, text in OAUTH.items() if name != "token_url"},
        {**CERTIFICATE, "privateKey": ""},
        LOGIN | OAUTH,
        LOGIN | CERTIFICATE,
        OAUTH | {"privateKey": "hidden"},
    ],
)
def test_read_credentials__requires_exactly_one_form(secrets: Secrets, value: dict[str, str] | str) -> None:
    """The error for no form, an incomplete form and two forms contains every form, and no value."""
    with pytest.raises(Misconfigured, match="THE_SETTING must have the form") as raised:
        to_secret(secrets, value).read_credentials()
    assert str(raised.value).partition("form ")[2] == (
        '{"username": "...", "password": "..."} or {"client_id": "...", "client_secret": "...", "token_url": "..."} '
        'or {"certificate": "...", "privateKey": "..."}, and no names of the other forms'
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (OAUTH | {"token_url": "http://idp/hidden"}, "token_url"),
        (OAUTH | {"token_url": "https:///hidden"}, "token_url"),
        (OAUTH | {"token_url": "https://u:hidden@idp"}, "token_url"),
        (OAUTH | {"token_url": "https://idp:hidden"}, "token_url"),
        (OAUTH | {"token_url": "https://idp/a hidden"}, "token_url"),
        (OAUTH | {"token_url": "https://idp..hidden"}, "token_url"),
        (OAUTH | {"token_url": f"https://hidden{'i' * 60}.internal"}, "token_url"),
        *[
            (OAUTH | {"token_url": f"https://{address}"}, "token_url")
            for address in ("[::1]hidden", "[::1]hidden:1", "hidden:", "[::1]:", "hidden?", "hidden#", "hidden/?a#b")
        ],
        (OAUTH | {"token_url": "HTTP://idp/hidden"}, "token_url"),
        (OAUTH | {"token_url": "https://idp/hidden\u00fd"}, "token_url"),
        (OAUTH | {"identity_pool": "hidden\n"}, "logical_cluster and identity_pool"),
        (OAUTH | {"logical_cluster": "hídden"}, "logical_cluster and identity_pool"),
        (
            '{"client_id": "c", "client_secret": "c", "token_url": "https://i", "scope": ["hidden"]}',
            "scope",
        ),
        (
            '{"certificate": "c", "privateKey": "hidden", "privateKeyPassword": 7}',
            "privateKeyPassword",
        ),
    ],
)
def test_read_credentials__names_an_invalid_value(secrets: Secrets, value: dict[str, str] | str, name: str) -> None:
    """Values that cannot be used are refused before any request."""
    with pytest.raises(Misconfigured, match=f"^{name} in the secret in THE_SETTING must be ") as raised:
        to_secret(secrets, value).read_credentials()
    assert "hidden" not in str(raised.value)


COMMENT = "# F\u0151tan\u00fas\u00edtv\u00e1ny\n"
X509 = PEM.replace("CERTIFICATE", "X509 CERTIFICATE")
COMMENTED = f"{COMMENT}{PEM}{COMMENT}{X509}-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("value", [COMMENTED, {"certificate": COMMENTED}])
def test_read_ca_certificates__removes_everything_but_certificates(
    secrets: Secrets, value: dict[str, str] | str
) -> None:
    """Python's ssl rejects text that is not ASCII, even in comments between certificates.

    https://github.com/rstudio/rsconnect-python/issues/177 and https://github.com/nabla-c0d3/sslyze/issues/670
    """
    assert to_secret(secrets, value).read_ca_certificates() == PEM + PEM


@pytest.mark.parametrize("word", ["X509", "TRUSTED"])
def test_read__replaces_the_labels_of_certificates(secrets: Secrets, word: str) -> None:
    """Neither librdkafka nor ssl's `cadata` accepts a TRUSTED CERTIFICATE, the output of `openssl x509 -trustout`."""
    labelled = PEM.replace("CERTIFICATE", f"{word} CERTIFICATE")
    secret = to_secret(secrets, {"certificate": labelled, "privateKey": "hidden"})
    assert secret.read_ca_certificates() == PEM
    assert secret.read_client_certificate().certificate == PEM
    assert secret.read_credentials() == ClientCertificate(PEM, "hidden", None)


@pytest.mark.parametrize(
    "value", [PEM.replace("MIIB", "MII\u0151"), PEM + PEM[:40], PEM.replace("END", "BEGIN"), {"certificate": PEM[9:]}]
)
def test_read_ca_certificates__refuses_a_damaged_certificate(secrets: Secrets, value: dict[str, str] | str) -> None:
    """A damaged certificate is not skipped, because it may be the required one."""
    with pytest.raises(Misconfigured, match="THE_SETTING"):
        to_secret(secrets, value).read_ca_certificates()


BROKEN = ["[" * 60_000, f'{{"username": {"9" * 5000}}}', '{"username": NaN}', "\x00", '{"certificate": "\\ud800"}']


@pytest.mark.parametrize("value", BROKEN, ids=range(len(BROKEN)))
def test_read__refuses_values_that_python_cannot_parse(secrets: Secrets, value: str) -> None:
    """Deep nesting, long numbers and half of a surrogate pair are misconfigurations."""
    secret = to_secret(secrets, value)
    for read in (
        secret.read_login,
        secret.read_credentials,
        secret.read_client_certificate,
        secret.read_ca_certificates,
    ):
        with pytest.raises(Misconfigured, match="THE_SETTING"):
            read()


@pytest.mark.parametrize("text", ["hidden\\u0000", "hidden\\ud800"])
@pytest.mark.parametrize("name", ["username", "client_id", "certificate", "scope", "privateKeyPassword"])
def test_read_credentials__refuses_text_that_cannot_be_sent(secrets: Secrets, name: str, text: str) -> None:
    """C libraries end a text at a NUL, and half of a surrogate pair has no encoding."""
    form = next(
        form for form in (LOGIN, OAUTH | {"scope": "s"}, CERTIFICATE | {"privateKeyPassword": "p"}) if name in form
    )
    value = json.dumps({**form, name: "HERE"}).replace("HERE", text)
    with pytest.raises(
        Misconfigured, match=f"^{name} in the secret in THE_SETTING contains a NUL character or half of a"
    ) as raised:
        to_secret(secrets, value).read_credentials()
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("value", ["none", {"certificate": "none"}, "-----BEGIN PRIVATE KEY-----hidden"])
def test_read_ca_certificates__refuses_other_content(secrets: Secrets, value: dict[str, str] | str) -> None:
    """The error does not contain a key stored instead of a certificate."""
    with pytest.raises(Misconfigured, match="THE_SETTING") as raised:
        to_secret(secrets, value).read_ca_certificates()
    assert "hidden" not in str(raised.value)


def test_read__explains_an_absent_secret(secrets: Secrets) -> None:
    """A deleted or missing secret is a misconfiguration."""
    secret = to_secret(secrets, LOGIN)
    secrets.delete(secret.arn)
    with pytest.raises(Misconfigured, match="InvalidRequestException"):
        secret.read_login()
    with pytest.raises(Misconfigured, match=r"ResourceNotFoundException.: create the secret"):
        Secret("THE_SETTING", ARN).read_login()


@pytest.mark.parametrize(
    ("code", "status", "error", "text"),
    [
        ("AccessDeniedException", 400, Misconfigured, "grant the function's role secretsmanager:GetSecretValue"),
        ("DecryptionFailure", 400, Misconfigured, "kms:Decrypt"),
        ("ThrottlingException", 400, Undelivered, r"THE_SETTING cannot be read .ThrottlingException.: try again later"),
        ("InternalServiceError", 500, Undelivered, r".InternalServiceError.: try again later"),
        ("SomethingNew", 503, Undelivered, r".SomethingNew.: try again later"),
        ("SomethingNew", 400, Misconfigured, "check the secret and the function's role"),
    ],
)
def test_read__classifies_failures(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int, error: type[FeatureEventsError], text: str
) -> None:
    """The message contains the remedy, or leaves a temporary failure to a retry."""

    class Refusing:
        def get_secret_value(self, **_: str) -> dict[str, str]:
            answer = {"Error": {"Code": code, "Message": "hidden"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "GetSecretValue")  # type: ignore[arg-type]  # has the parts that are used

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Refusing())
    with pytest.raises(error, match=text) as raised:
        Secret("THE_SETTING", ARN).read_login()
    assert "THE_SETTING" in str(raised.value)
    assert "hidden" not in str(raised.value)
