"""Values of settings are parsed."""

import pytest

from feature_events.settings.values import parse_registry


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("HTTPS://Registry.internal/", "https://Registry.internal"),
        ("http://schema_registry:8081", "http://schema_registry:8081"),
        ("https://registry.internal.:8081/a", "https://registry.internal.:8081/a"),
        ("http://[2001:db8::1]:8081", "http://[2001:db8::1]:8081"),
    ],
)
def test_parse_registry__accepts_the_urls_that_clients_accept(text: str, registry: str) -> None:
    """The scheme is lower-cased, because later code compares it."""
    assert parse_registry(text) == registry
