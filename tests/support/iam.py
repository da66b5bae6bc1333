"""A fake of AWS's IAM token provider, whose unsigned tokens Kafka's validator accepts."""

import base64
import json
import time
from collections.abc import Mapping

import pytest


class TokenProvider:
    """A fake of MSKAuthTokenProvider."""

    def __init__(self) -> None:
        self.life = 900.0
        """The lifetime of a token in seconds."""
        self.taken = True
        """False for expired tokens, which Kafka rejects."""
        self.error: Exception | None = None
        """Raised instead of returning a token."""
        self.delay = 0.0
        self.given = 0
        """The number of tokens returned."""

    def generate_auth_token(self, region: str) -> tuple[str, int]:
        """Return a token and its expiry in milliseconds since the epoch."""
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
    """Replace AWS's provider by a fake during a test."""
    provider = TokenProvider()
    name = "aws_msk_iam_sasl_signer.MSKAuthTokenProvider.generate_auth_token"
    monkeypatch.setattr(name, provider.generate_auth_token)
    return provider


def _encode(part: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
