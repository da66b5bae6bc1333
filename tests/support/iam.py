"""Tokens in the place of AWS's, which Kafka's own validator of unsigned tokens takes."""

import base64
import json
import time
from collections.abc import Mapping

import pytest


class TokenProvider:
    """What stands in for MSKAuthTokenProvider.generate_auth_token: the same form of answer, by the same call."""

    def __init__(self) -> None:
        self.life = 900.0
        """How long a token lives, in seconds."""
        self.taken = True
        """Whether Kafka takes the tokens."""
        self.error: Exception | None = None
        """What is raised in the place of a token."""
        self.delay = 0.0
        self.given = 0
        """How many tokens there have been."""

    def generate_auth_token(self, region: str) -> tuple[str, int]:
        """A token and its end in milliseconds since the epoch."""
        assert region == "us-east-1"
        time.sleep(self.delay)
        if self.error:
            raise self.error
        self.given += 1
        now = time.time()
        age = 0.0 if self.taken else 2 * self.life
        claims = {"sub": "feature-events", "iat": now - age, "exp": now - age + self.life}
        return f"{_encode({'alg': 'none'})}.{_encode(claims)}.", int((now + self.life) * 1000)


def replace_token_provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """A provider in the place of AWS's, as long as the test runs."""
    provider = TokenProvider()
    name = "aws_msk_iam_sasl_signer.MSKAuthTokenProvider.generate_auth_token"
    monkeypatch.setattr(name, provider.generate_auth_token)
    return provider


def _encode(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
