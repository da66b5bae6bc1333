"""Secrets Manager in memory."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import boto3
from moto import mock_aws

type Value = Mapping[str, str] | str


class Secrets:
    """Makes and changes secrets, as a person or a rotation would."""

    def __init__(self) -> None:
        self._client = boto3.client("secretsmanager")

    def put(self, value: Value) -> str:
        """A new secret; its ARN."""
        return self._client.create_secret(Name=f"AmazonMSK_{uuid4().hex}", SecretString=_to_text(value))["ARN"]

    def change(self, arn: str, value: Value) -> None:
        """Gives the secret another value."""
        self._client.put_secret_value(SecretId=arn, SecretString=_to_text(value))

    def read(self, arn: str) -> dict[str, str]:
        """The value of a secret that is an object."""
        return dict(json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"]))

    def copy(self, source: str, arn: str) -> None:
        """Gives the secret the value of another."""
        self.change(arn, self._client.get_secret_value(SecretId=source)["SecretString"])

    def delete(self, arn: str) -> None:
        """Marks the secret as deleted."""
        self._client.delete_secret(SecretId=arn)


@contextmanager
def run_secrets() -> Iterator[Secrets]:
    """An empty account, for as long as the context lasts; the environment must hold a region and credentials."""
    with mock_aws():
        yield Secrets()


def _to_text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
