"""Run Secrets Manager in memory."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

import boto3
from moto import mock_aws

type Value = Mapping[str, str] | str


class Secrets:
    """The secrets of an account."""

    def __init__(self) -> None:
        self._client = boto3.client("secretsmanager")

    def put(self, value: Value) -> str:
        """Create a secret and return its ARN."""
        return self._client.create_secret(Name=f"AmazonMSK_{uuid4().hex}", SecretString=_to_text(value))["ARN"]

    def change(self, arn: str, value: Value) -> None:
        """Change the secret's value, like a rotation."""
        self._client.put_secret_value(SecretId=arn, SecretString=_to_text(value))

    def read(self, arn: str) -> dict[str, str]:
        """Return the value of a secret that is a JSON object."""
        return dict(json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"]))

    def copy(self, source: str, arn: str) -> None:
        """Set the secret to the value of another one."""
        self.change(arn, self._client.get_secret_value(SecretId=source)["SecretString"])

    def delete(self, arn: str) -> None:
        """Mark the secret as deleted."""
        self._client.delete_secret(SecretId=arn)


@contextmanager
def run_secrets() -> Iterator[Secrets]:
    """Run an empty account. The environment must contain a region and credentials."""
    with mock_aws():
        yield Secrets()


def _to_text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
