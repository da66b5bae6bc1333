"""Reads secrets from AWS Secrets Manager: logins, OAuth clients, client certificates, and the CA certificates to trust.

An environment variable is seen by everyone who can look at a function, so the settings hold ARNs and never a secret.

Their forms are those of Amazon MSK (https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html) and of
Lambda's own Kafka sources (https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html). An OAuth client has
OAuth's own names (https://datatracker.ietf.org/doc/html/rfc6749#section-2.3.1).
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, override

from feature_events.aws.arn import to_region
from feature_events.aws.clients import ask_within, make_secrets_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured
from feature_events.json_text import InvalidJson, parse_json
from feature_events.syntax import is_plain_text, parse_url

SECRET_SECONDS = 5.0
"""How long one secret may take, with a second try."""


class Login(NamedTuple):
    """A user name and password; its text shows neither."""

    username: str
    password: str

    @override
    def __repr__(self) -> str:
        return "Login(...)"


class ClientCertificate(NamedTuple):
    """A client's certificate and private key, both PEM, and the key's password; its text shows none of them."""

    certificate: str
    private_key: str
    password: str | None

    @override
    def __repr__(self) -> str:
        return "ClientCertificate(...)"


class OAuthClient(NamedTuple):
    """A client of an OAuth 2.0 token endpoint; its text shows nothing of it.

    `token_url` is an https URL. `logical_cluster` (lsrc-... for a registry, lkc-... for Kafka) and `identity_pool`
    (pool-...) are Confluent Cloud's.
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
"""What a schema registry may ask for."""

type _Names = tuple[str, ...]
type _Reader = Callable[[dict[str, Any]], Credentials]
_LOGIN = ("username", "password")
_OAUTH_CLIENT = ("client_id", "client_secret", "token_url")
_CLIENT_CERTIFICATE = ("certificate", "privateKey")

_LABEL = "(?:X509 |TRUSTED )?CERTIFICATE"
"""What OpenSSL accepts around a certificate (https://docs.openssl.org/3.0/man3/PEM_read_bio_PrivateKey/)."""
_BEGIN = re.compile(f"-----BEGIN {_LABEL}-----")
_CERTIFICATE = re.compile(f"-----BEGIN ({_LABEL})-----[A-Za-z0-9+/=\\s]*-----END \\1-----", re.ASCII)
_BOUNDARY = re.compile(f"-----(BEGIN|END) {_LABEL}-----")


class Secret(NamedTuple):
    """A secret's place: the setting that names it, for messages, and its ARN."""

    setting: str
    arn: str

    def read_login(self) -> Login:
        """From `{"username": ..., "password": ...}`, as MSK's SCRAM secrets are.

        Raises:
            Misconfigured: there is no such secret, it is of another form, or the function is not allowed to read it.
            Undelivered: Secrets Manager did not answer.

        """
        return self._to_login(_parse(self._read()))

    def read_client_certificate(self) -> ClientCertificate:
        """From `{"certificate": PEM, "privateKey": PEM}`, with a `privateKeyPassword` where the key has one.

        Its certificates have the plain label, as `read_ca_certificates` returns them.

        Raises the same as `read_login`.
        """
        return self._to_client_certificate(_parse(self._read()))

    def read_oauth_client(self) -> OAuthClient:
        """From `{"client_id": ..., "client_secret": ..., "token_url": ...}`, as `read_credentials` does.

        Raises the same as `read_login`.
        """
        return self._to_oauth_client(_parse(self._read()))

    def read_credentials(self) -> Credentials:
        """From whichever form the secret has: a login's, a client certificate's, or an OAuth client's.

        The last is `{"client_id": ..., "client_secret": ..., "token_url": ...}`, where it is needed with `scope`,
        `logical_cluster` and `identity_pool`.

        Raises the same as `read_login`.
        """
        found = _parse(self._read())
        forms: dict[_Names, _Reader] = {
            _LOGIN: self._to_login,
            _OAUTH_CLIENT: self._to_oauth_client,
            _CLIENT_CERTIFICATE: self._to_client_certificate,
        }
        begun = [names for names in forms if not found.keys().isdisjoint(names)]
        if len(begun) != 1 or not _has_texts(found, begun[0]):
            raise self._to_wrong_form(*forms)
        return forms[begun[0]](found)

    def read_ca_certificates(self) -> str:
        """CA certificates as PEM, from `{"certificate": PEM}` or the bare PEM.

        Each has the label CERTIFICATE, since librdkafka and Python's ssl do not accept every label.

        Raises the same as `read_login`.
        """
        pem = self._read()
        if not _BEGIN.search(pem) or pem.lstrip().startswith("{"):
            found = _parse(pem)
            self._check(found, ("certificate",))
            pem = found["certificate"]
        # Python's ssl accepts ASCII alone, and comments between certificates are often in the team's language
        certificates = [found[0] for found in _CERTIFICATE.finditer(pem)]
        if not certificates:
            raise Misconfigured(f"the secret in {self.setting} holds no certificate in PEM")
        if len(certificates) < len(_BEGIN.findall(pem)):
            raise Misconfigured(
                f"the secret in {self.setting} has a certificate that is not valid PEM: write each as it was issued, "
                "from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
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
                f"the secret in {self.setting} has a token_url that must be an https URL with a valid host name, and "
                "without user name and password"
            )
        cluster, pool = [self._to_optional(found, name) for name in ("logical_cluster", "identity_pool")]
        if not re.fullmatch(r"[!-~]*", f"{cluster}{pool}"):
            raise Misconfigured(
                f"the secret in {self.setting} has a logical_cluster or identity_pool that must be ASCII without blanks"
            )
        scope = self._to_optional(found, "scope")
        return OAuthClient(found["client_id"], found["client_secret"], found["token_url"], scope, cluster, pool)

    def _to_optional(self, found: dict[str, Any], name: str) -> str | None:
        """The text under this name, which need not be there."""
        text = found.get(name)
        if text is not None and type(text) is not str:
            raise Misconfigured(f"the secret in {self.setting} has a {name} that is not text")
        self._check_text(name, text or "")
        return text or None

    def _check(self, found: dict[str, Any], names: _Names) -> None:
        """Raises unless these names have texts."""
        if not _has_texts(found, names):
            raise self._to_wrong_form(names)
        for name in names:
            self._check_text(name, found[name])

    def _check_text(self, name: str, text: str) -> None:
        if not is_plain_text(text):
            raise Misconfigured(
                f"the secret in {self.setting} has a {name} with a NUL character or half of a surrogate pair: remove it"
            )

    def _to_wrong_form(self, *forms: _Names) -> Misconfigured:
        """The error that names the forms, and nothing that the secret holds."""
        texts = [f"{{{', '.join(f'"{name}": "..."' for name in names)}}}" for names in forms]
        which = " or ".join(texts) + (" alone" if texts[1:] else "")
        return Misconfigured(f"the secret in {self.setting} is not of the form {which}: write it so")

    def _read(self) -> str:
        """The secret's text, which has 64 KB at most (https://docs.aws.amazon.com/secretsmanager/latest/userguide)."""
        action = Action("secretsmanager:GetSecretValue", f"the secret in {self.setting} cannot be read")
        text = ask_within(SECRET_SECONDS, self._ask, action, "check the secret and the function's role")
        if not text:
            raise Misconfigured(f"the secret in {self.setting} is binary or empty: write it as text")
        return text

    def _ask(self) -> str | None:
        client = make_secrets_client(to_region(self.arn))
        return client.get_secret_value(SecretId=self.arn).get("SecretString")


def _parse(text: str) -> dict[str, Any]:
    """The text's JSON object; an empty one where it is none."""
    try:
        found = parse_json(text)
    except InvalidJson:
        return {}
    return found if type(found) is dict else {}


def _to_plain_label(pem: str) -> str:
    """Replace the other labels of certificates: the certificate comes first in a TRUSTED one, and is all that is read.

    https://docs.openssl.org/3.0/man3/PEM_read_bio_PrivateKey/
    """
    return _BOUNDARY.sub(r"-----\1 CERTIFICATE-----", pem)


def _has_texts(found: dict[str, Any], names: _Names) -> bool:
    return all(type(found.get(name)) is str and found[name] for name in names)
