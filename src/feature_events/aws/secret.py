"""Reads secrets from AWS Secrets Manager: logins, client certificates, and the authorities that are trusted.

An environment variable is seen by everyone who may look at a function, so the settings hold ARNs and never a secret.
boto3 costs more to import than everything else here together, so it is imported when the first secret is read.

Their forms are those of Amazon MSK (https://docs.aws.amazon.com/msk/latest/developerguide/msk-password.html) and of
Lambda's own Kafka sources (https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html).
"""

import json
from typing import Any, NamedTuple, override

from feature_events.deadline import run_within
from feature_events.errors import Misconfigured, Undelivered

# Each of two tries
_CONNECT_SECONDS = 1
_READ_SECONDS = 2
_ATTEMPTS = 2

SECRET_SECONDS = 5.0
"""How long one secret may take, also where a resolver hangs or the answer comes byte by byte."""

# By these Secrets Manager says that it may answer later; every other refusal is for a person to mend
_PASSING = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "InternalServiceError",
        "InternalServiceErrorException",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)
_SERVER_ERRORS = 500

_REMEDIES = {
    "AccessDeniedException": "grant the function's role secretsmanager:GetSecretValue on it",
    "DecryptionFailure": "grant the function's role kms:Decrypt on the secret's key",
    "ResourceNotFoundException": "create the secret, or set the variable to one that exists",
    "InvalidRequestException": "restore the secret, or set the variable to one that is not deleted",
}


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
            Misconfigured: there is no such secret, it is of another form, or it may not be read.
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

    def read_authorities(self) -> str:
        """Certificates as PEM, from `{"certificate": PEM}` or the bare PEM.

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
        try:
            return run_within(SECRET_SECONDS, self._ask)
        except TimeoutError:
            raise self._to_unreached(f"no answer within {SECRET_SECONDS:.0f} s") from None

    def _ask(self) -> str:
        """The secret, which has 64 KB at most (https://docs.aws.amazon.com/secretsmanager/latest/userguide)."""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = Config(
            connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": _ATTEMPTS}
        )
        try:
            client = boto3.client("secretsmanager", region_name=self.arn.split(":")[3], config=config)
            answer = client.get_secret_value(SecretId=self.arn)
        except ClientError as error:
            raise self._to_error(error.response) from None
        except BotoCoreError as error:
            raise self._to_unreached(type(error).__name__) from None
        text = answer.get("SecretString")
        if not text:
            raise Misconfigured(f"the secret in {self.setting} is binary or empty: write it as text")
        return str(text)

    def _to_unreached(self, reason: str) -> Undelivered:
        return Undelivered(
            f"Secrets Manager was not reached for the secret in {self.setting} ({reason}): check the "
            "way to it (in a VPC: a NAT gateway or an endpoint for secretsmanager, and their security groups)"
        )

    def _to_error(self, response: Any) -> Exception:  # noqa: ANN401  # botocore's own dictionary
        code = response.get("Error", {}).get("Code", "an error")
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _PASSING or status >= _SERVER_ERRORS:
            return Undelivered(f"Secrets Manager answered {code} for the secret in {self.setting}")
        remedy = _REMEDIES.get(code, "check the secret and the function's role")
        return Misconfigured(f"the secret in {self.setting} cannot be read ({code}): {remedy}")
