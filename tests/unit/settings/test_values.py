"""Texts of settings become values."""

import pytest

from feature_events.settings.values import to_registry


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("HTTPS://Registry.internal/", "https://Registry.internal"),
        ("http://schema_registry:8081", "http://schema_registry:8081"),
        ("https://registry.internal.:8081/a", "https://registry.internal.:8081/a"),
        ("http://[2001:db8::1]:8081", "http://[2001:db8::1]:8081"),
    ],
)
def test_to_registry__accepts_the_urls_that_a_client_accepts(text: str, registry: str) -> None:
    """The scheme is in lower case afterwards, because later code compares it."""
    assert to_registry(text) == registry
