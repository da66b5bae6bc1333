"""Calls of Secrets Manager that fail, and secrets that cannot be text."""

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError

from feature_events.aws.secret import ClientCertificate, Login, OAuthClient, Secret
from feature_events.errors import Misconfigured, Undelivered
from tests.support.resolver import hanging_resolver

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"


def test_read__suggests_to_check_the_network_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing network path in a VPC is the most common cause."""

    class Unreachable:
        def get_secret_value(self, **_: str) -> dict[str, str]:
            raise ConnectTimeoutError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Unreachable())
    with pytest.raises(
        Undelivered, match=r"THE_SETTING .* .ConnectTimeoutError.: check the network path to secretsmanager"
    ):
        Secret("THE_SETTING", ARN).read_login()


def test_read__refuses_a_binary_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary secret has no text."""

    class Binary:
        def get_secret_value(self, **_: str) -> dict[str, bytes]:
            return {"SecretBinary": b"hidden"}

    monkeypatch.setattr(boto3, "client", lambda *_, **__: Binary())
    with pytest.raises(Misconfigured, match="binary or empty"):
        Secret("THE_SETTING", ARN).read_login()


def test_secrets__have_reprs_without_values() -> None:
    """No way of printing a secret shows its values."""
    client = OAuthClient("hidden", "hidden", "hidden", "hidden", "hidden", "hidden")
    for secret in (Login("alice", "hidden"), ClientCertificate("hidden", "hidden", "hidden"), client):
        assert "hidden" not in f"{secret} {secret!r} {[secret]} {(secret, 1)}"


def test_read__does_not_wait_for_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow resolver does not exceed the limit, and the message contains what to check."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.invalid")
    monkeypatch.setattr("feature_events.aws.secret.SECRET_SECONDS", 0.2)
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"THE_SETTING cannot be read .no response within 0 s.: check the"):
            Secret("THE_SETTING", ARN).read_login()
        assert not ended.is_set()
