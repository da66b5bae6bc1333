"""Which CA certificates a session trusts."""

from feature_events.web.session import to_context
from tests.support.certificates import CertificateAuthority


def test_to_context__trusts_the_secrets_ca_alone() -> None:
    """A private CA excludes the public ones, which are trusted without it."""
    private = CertificateAuthority("Private").certificate
    assert len(to_context("CA_SETTING", private).get_ca_certs()) == 1
    assert len(to_context("CA_SETTING", None).get_ca_certs()) > 50
