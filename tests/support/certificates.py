"""Issue certificates for servers and clients on the loopback interface.

Tests of TLS use real certificates, including expired ones and those of another issuer. Each test creates its own.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

type Algorithm = Literal["EC", "RSA"]

LIFE = timedelta(days=1)
LOOPBACK = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

CA = x509.BasicConstraints(ca=True, path_length=None)
SIGNS_CERTIFICATES = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


class Identity(NamedTuple):
    """A certificate with its private key, both PEM."""

    certificate: str
    private_key: str


class CertificateAuthority:
    """A certificate authority. Clients that trust `certificate`, PEM, trust the certificates that it signs."""

    def __init__(self, name: str = "Local authority", issuer: "CertificateAuthority | None" = None) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _to_name(name)
        signer = issuer or self
        self.certificate = signer.sign(self._name, self._key, LIFE, CA, SIGNS_CERTIFICATES)
        """The authority's own certificate."""
        self.chain: str = self.certificate + issuer.chain if issuer else ""
        """The intermediate certificates of issued certificates."""

    def sign(
        self,
        subject: x509.Name,
        key: EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        life: timedelta,
        *extensions: x509.ExtensionType,
    ) -> str:
        """Sign a certificate and return it, PEM."""
        end = datetime.now(UTC) + life
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - 2 * abs(life))
            .not_valid_after(end)
            # Strict clients require key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=extension in (CA, SIGNS_CERTIFICATES))
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM).decode()

    def issue(
        self, name: str, *, life: timedelta = LIFE, password: str | None = None, algorithm: Algorithm = "EC"
    ) -> Identity:
        """Issue a certificate for 127.0.0.1 and localhost, followed by its intermediate certificates.

        With a negative life it has expired. With a password its key is encrypted.
        """
        key = generate_private_key(SECP256R1()) if algorithm == "EC" else rsa.generate_private_key(65537, 2048)
        chain = self.sign(_to_name(name), key, life, LOOPBACK) + self.chain
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return Identity(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode())


def _to_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
