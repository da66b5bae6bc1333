"""Reads secrets from AWS Secrets Manager: logins, client certificates, and the CA certificates to trust.

An environment variable is seen by everyone who can look at a function, so the settings hold ARNs and never a secret.

Their forms are those of Amazon MSK (https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html) and of
Lambda's own Kafka sources (https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html).
"""

import json
from typing import Any, NamedTuple, override

from feature_events.aws.arn import to_region
from feature_events.aws.clients import ask_within, make_secrets_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured

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
        found = self._read_texts("username", "password")
        return Login(found["username"], found["password"])

    def read_client_certificate(self) -> ClientCertificate:
        """From `{"certificate": PEM, "privateKey": PEM}`, with a `privateKeyPassword` where the key has one.

        Raises the same as `read_login`.
        """
        found = self._read_texts("certificate", "privateKey")
        password = found.get("privateKeyPassword")
        if password is not None and type(password) is not str:
            raise Misconfigured(f"the secret in {self.setting} has a privateKeyPassword that is not text")
        return ClientCertificate(found["certificate"], found["privateKey"], password)

    def read_ca_certificates(self) -> str:
        """CA certificates as PEM, from `{"certificate": PEM}` or the bare PEM.

        Raises the same as `read_login`.
        """
        text = self._read()
        pem = (
            text
            if text.lstrip().startswith("-----BEGIN")
            else self._read_texts("certificate", text=text)["certificate"]
        )
        if "-----BEGIN CERTIFICATE-----" not in pem:
            raise Misconfigured(f"the secret in {self.setting} holds no certificate in PEM")
        return str(pem)

    def _read_texts(self, *names: str, text: str | None = None) -> dict[str, Any]:
        """The secret as an object in which these names have texts."""
        try:
            found = json.loads(self._read() if text is None else text)
        except ValueError:
            found = None
        if type(found) is not dict or not all(type(found.get(name)) is str and found[name] for name in names):
            wanted = ", ".join(f'"{name}": "..."' for name in names)
            raise Misconfigured(f"the secret in {self.setting} is not of the form {{{wanted}}}: write it so")
        return found

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
