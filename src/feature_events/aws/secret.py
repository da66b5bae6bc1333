"""Read secrets from AWS Secrets Manager: logins, OAuth clients, client certificates and CA certificates.

Everyone who can view a function sees its environment variables, so the settings contain ARNs and never a secret.

The forms are those of Amazon MSK (https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html) and of
Lambda's Kafka event sources (https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html). The names of an
OAuth client are OAuth's (https://datatracker.ietf.org/doc/html/rfc6749#section-2.3.1).
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, override

from feature_events.aws.arn import to_region
from feature_events.aws.clients import call_within, make_secrets_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured
from feature_events.syntax import InvalidJson, is_plain_text, parse_json, parse_url

SECRET_SECONDS = 5.0
"""The most seconds that reading a secret may take, with one retry."""


class Login(NamedTuple):
    """A user name and password. Its repr contains neither."""

    username: str
    password: str

    @override
    def __repr__(self) -> str:
        return "Login(...)"


class ClientCertificate(NamedTuple):
    """A client certificate and private key, both PEM, and the key's password. Its repr contains none of them."""

    certificate: str
    private_key: str
    password: str | None

    @override
    def __repr__(self) -> str:
        return "ClientCertificate(...)"


class OAuthClient(NamedTuple):
    """A client of an OAuth 2.0 token endpoint. Its repr contains no values.

    `token_url` is an https URL. `logical_cluster` (lsrc-... for a registry, lkc-... for Kafka) and `identity_pool`
    (pool-...) are used by Confluent Cloud.
    """

    client_id: str
    client_secret: str
    token_url: str
    scope: str | None = None
    logical_cluster: str | None = None
    identity_pool: str | None = None

    @override
    def __repr__(self) -> str:
        return "OAuthClient(...)"


type Credentials = Login | OAuthClient | ClientCertificate
"""The credentials for a schema registry."""

type _Form = tuple[str, ...]
"""The names that a secret of this form must contain."""
type _Reader = Callable[[dict[str, Any]], Credentials]
_LOGIN = ("username", "password")
_OAUTH_CLIENT = ("client_id", "client_secret", "token_url")
_CLIENT_CERTIFICATE = ("certificate", "privateKey")

_LABEL = "(?:X509 |TRUSTED )?CERTIFICATE"
"""The PEM labels that OpenSSL accepts for certificates (https://docs.openssl.org/3.0/man3/PEM_read_bio_PrivateKey/)."""
_BEGIN = re.compile(f"-----BEGIN {_LABEL}-----")
_CERTIFICATE = re.compile(f"-----BEGIN ({_LABEL})-----[A-Za-z0-9+/=\\s]*-----END \\1-----", re.ASCII)
_BOUNDARY = re.compile(f"-----(BEGIN|END) {_LABEL}-----")


class Secret(NamedTuple):
    """A secret: the setting that contains its ARN, for messages, and the ARN."""

    setting: str
    arn: str

    def read_login(self) -> Login:
        """Read `{"username": ..., "password": ...}`, the form of MSK's SCRAM secrets.

        Raises:
            Misconfigured: the secret does not exist, has another form, or the function has no permission to read it.
            Undelivered: Secrets Manager did not respond.

        """
        return self._to_login(_parse(self._read()))

    def read_client_certificate(self) -> ClientCertificate:
        """Read `{"certificate": PEM, "privateKey": PEM}`, with a `privateKeyPassword` if the key is encrypted.

        The certificates get the label CERTIFICATE, as in `read_ca_certificates`.

        Raises the same as `read_login`.
        """
        return self._to_client_certificate(_parse(self._read()))

    def read_oauth_client(self) -> OAuthClient:
        """Read `{"client_id": ..., "client_secret": ..., "token_url": ...}` and the optional names of `OAuthClient`.

        Raises the same as `read_login`.
        """
        return self._to_oauth_client(_parse(self._read()))

    def read_credentials(self) -> Credentials:
        """Read a login, a client certificate or an OAuth client, depending on the secret's form.

        Raises the same as `read_login`.
        """
        found = _parse(self._read())
        forms: dict[_Form, _Reader] = {
            _LOGIN: self._to_login,
            _OAUTH_CLIENT: self._to_oauth_client,
            _CLIENT_CERTIFICATE: self._to_client_certificate,
        }
        matching = [names for names in forms if not found.keys().isdisjoint(names)]
        if len(matching) != 1 or not _has_texts(found, matching[0]):
            raise self._make_form_error(*forms)
        return forms[matching[0]](found)

    def read_ca_certificates(self) -> str:
        """Read CA certificates from `{"certificate": PEM}` or from plain PEM.

        Each certificate gets the label CERTIFICATE, because librdkafka and Python's ssl do not accept every label.

        Raises the same as `read_login`.
        """
        pem = self._read()
        if not _BEGIN.search(pem) or pem.lstrip().startswith("{"):
            found = _parse(pem)
            self._check(found, ("certificate",))
            pem = found["certificate"]
        # Python's ssl accepts only ASCII, and comments between certificates can contain other characters
        certificates = [found[0] for found in _CERTIFICATE.finditer(pem)]
        if not certificates:
            raise Misconfigured(f"the secret in {self.setting} does not contain a PEM certificate")
        if len(certificates) < len(_BEGIN.findall(pem)):
            raise Misconfigured(
                f"the secret in {self.setting} contains a certificate that is not valid PEM: store each certificate "
                "unchanged, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
            )
        return "".join(f"{_to_plain_label(certificate)}\n" for certificate in certificates)

    def _to_login(self, found: dict[str, Any]) -> Login:
        self._check(found, _LOGIN)
        return Login(found["username"], found["password"])

    def _to_client_certificate(self, found: dict[str, Any]) -> ClientCertificate:
        self._check(found, _CLIENT_CERTIFICATE)
        password = self._to_optional(found, "privateKeyPassword")
        return ClientCertificate(_to_plain_label(found["certificate"]), found["privateKey"], password)

    def _to_oauth_client(self, found: dict[str, Any]) -> OAuthClient:
        self._check(found, _OAUTH_CLIENT)
        url = parse_url(found["token_url"], "https")
        if url is None or "@" in url.netloc:
            raise Misconfigured(
                f"token_url in the secret in {self.setting} must be an https URL with a valid host name, without user "
                "name and password"
            )
        cluster, pool = [self._to_optional(found, name) for name in ("logical_cluster", "identity_pool")]
        if not re.fullmatch(r"[!-~]*", f"{cluster}{pool}"):
            raise Misconfigured(
                f"logical_cluster and identity_pool in the secret in {self.setting} must be ASCII without spaces"
            )
        scope = self._to_optional(found, "scope")
        return OAuthClient(found["client_id"], found["client_secret"], found["token_url"], scope, cluster, pool)

    def _to_optional(self, found: dict[str, Any], name: str) -> str | None:
        """Return the text with this optional name."""
        text = found.get(name)
        if text is not None and type(text) is not str:
            raise Misconfigured(f"{name} in the secret in {self.setting} must be text")
        self._check_text(name, text or "")
        return text or None

    def _check(self, found: dict[str, Any], names: _Form) -> None:
        """Raise unless all of these names have texts."""
        if not _has_texts(found, names):
            raise self._make_form_error(names)
        for name in names:
            self._check_text(name, found[name])

    def _check_text(self, name: str, text: str) -> None:
        if not is_plain_text(text):
            raise Misconfigured(
                f"{name} in the secret in {self.setting} contains a NUL character or half of a surrogate pair: "
                "remove it"
            )

    def _make_form_error(self, *forms: _Form) -> Misconfigured:
        """Return the error for a secret with another form. It contains nothing from the secret."""
        texts = [f"{{{', '.join(f'"{name}": "..."' for name in names)}}}" for names in forms]
        only = ", and no names of the other forms" if texts[1:] else ""
        return Misconfigured(f"the secret in {self.setting} must have the form {' or '.join(texts)}{only}")

    def _read(self) -> str:
        """Return the text, at most 64 KB (https://docs.aws.amazon.com/secretsmanager/latest/userguide)."""
        action = Action("secretsmanager:GetSecretValue", f"the secret in {self.setting} cannot be read")
        text = call_within(SECRET_SECONDS, self._request, action, "check the secret and the function's role")
        if not text:
            raise Misconfigured(f"the secret in {self.setting} is binary or empty: store it as text")
        return text

    def _request(self) -> str | None:
        client = make_secrets_client(to_region(self.arn))
        return client.get_secret_value(SecretId=self.arn).get("SecretString")


def _parse(text: str) -> dict[str, Any]:
    """Parse a JSON object. Return an empty one for any other text."""
    try:
        found = parse_json(text)
    except InvalidJson:
        return {}
    return found if type(found) is dict else {}


def _to_plain_label(pem: str) -> str:
    """Replace the other labels of certificates. A TRUSTED CERTIFICATE starts with the certificate, the only part read.

    https://docs.openssl.org/3.0/man3/PEM_read_bio_PrivateKey/
    """
    return _BOUNDARY.sub(r"-----\1 CERTIFICATE-----", pem)


def _has_texts(found: dict[str, Any], names: _Form) -> bool:
    return all(type(found.get(name)) is str and found[name] for name in names)
