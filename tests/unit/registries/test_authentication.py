"""Which CA certificates are trusted: a registry's own, or the public ones, and both for the token endpoint."""

import pytest

from feature_events.errors import Misconfigured
from feature_events.registries.authentication import to_registry_context, to_token_context
from tests.support.certificates import CertificateAuthority

PRIVATE = CertificateAuthority("Private").certificate


def test_to_registry_context__trusts_the_secrets_ca_alone() -> None:
    """Who has a private CA trusts no public one; without one the public ones count."""
    assert len(to_registry_context(PRIVATE).get_ca_certs()) == 1
    assert len(to_registry_context(None).get_ca_certs()) > 50


def test_to_token_context__trusts_public_ones_too() -> None:
    """A private registry may take the tokens of a public identity provider."""
    public = to_registry_context(None).get_ca_certs()
    private = to_registry_context(PRIVATE).get_ca_certs()
    both = to_token_context(PRIVATE).get_ca_certs()
    assert sorted(map(str, both)) == sorted(map(str, public + private))
    assert sorted(map(str, to_token_context(None).get_ca_certs())) == sorted(map(str, public))


def test_to_token_context__says_what_is_no_certificate() -> None:
    """A secret of another form is named by its setting."""
    with pytest.raises(Misconfigured, match="SCHEMA_REGISTRY_CA_SECRET_ARN holds what OpenSSL cannot read"):
        to_token_context("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----")
