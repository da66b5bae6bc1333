"""A TLS context trusts the right CA certificates."""

from feature_events.web.session import make_tls_context
from tests.support.certificates import CertificateAuthority


def test_make_tls_context__trusts_only_the_ca_in_the_secret() -> None:
    """A private CA replaces the public ones."""
    private = CertificateAuthority("Private").certificate
    assert len(make_tls_context("CA_SETTING", private).get_ca_certs()) == 1
    assert len(make_tls_context("CA_SETTING", None).get_ca_certs()) > 50
