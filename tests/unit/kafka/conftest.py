"""Fixtures for Kafka tests."""

import pytest

from tests.support.iam import TokenProvider, replace_token_provider


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """Return a token provider that replaces AWS's."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return replace_token_provider(monkeypatch)
