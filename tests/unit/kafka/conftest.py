"""Tokens for the client, without AWS."""

import pytest

from tests.support.iam import TokenProvider, replace_token_provider


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> TokenProvider:
    """The provider of tokens, in the place of AWS's."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return replace_token_provider(monkeypatch)
