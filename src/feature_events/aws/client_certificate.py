"""Load a client certificate from a secret into a TLS context, and explain why one cannot be used.

Python's ssl reads certificates and keys only from files. These files are in memory, so a private key is never written
to disk (https://man7.org/linux/man-pages/man2/memfd_create.2.html). Lambda guarantees only a writable /tmp, so there is
a fallback for systems without files in memory.
"""

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from feature_events.aws.secret import ClientCertificate
from feature_events.errors import Misconfigured

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

# OpenSSL's reasons if the key does not belong to the first certificate
_OTHER_KEY, _OTHER_ALGORITHM = "KEY_VALUES_MISMATCH", ("KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


def check_client_certificate(client: ClientCertificate, setting: str) -> None:
    """Check that the certificate and its key work together. Raises the same as `load_client_certificate`.

    Without files in memory this does nothing: Kafka's client needs no file, so the key must not be written to one.
    """
    if not _has_files_in_memory():
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")  # the client that uses the key decides whether it is long enough
    load_client_certificate(context, client, setting)


def load_client_certificate(context: ssl.SSLContext, client: ClientCertificate, setting: str) -> None:
    """Load the certificate into the context.

    Args:
        context: the context.
        client: the certificate with its intermediate certificates, and its key.
        setting: the setting of the secret, for messages.

    Raises:
        Misconfigured: OpenSSL cannot read them, they do not match, or the key's password is wrong.

    """
    try:
        _load(context, client.certificate, client)
    except (ssl.SSLError, ValueError) as error:
        cause = _find_cause(client, getattr(error, "reason", None))
        raise Misconfigured(f"the secret in {setting} has no usable client certificate: {cause}") from None


def _load(context: ssl.SSLContext, certificate: str, client: ClientCertificate) -> None:
    with _write_file(certificate) as certificate_file, _write_file(client.private_key) as key_file:
        # Without a password, OpenSSL would prompt on the terminal
        context.load_cert_chain(certificate_file, key_file, client.password or "")


@contextmanager
def _write_file(text: str) -> Iterator[str]:
    """Yield the path of a file with this text: in memory, or a temporary one that is deleted afterwards."""
    if _has_files_in_memory():
        with os.fdopen(os.memfd_create("pem"), "wb") as file:
            file.write(text.encode())
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
        return
    with tempfile.NamedTemporaryFile(suffix=".pem") as temporary:
        temporary.write(text.encode())
        temporary.flush()
        yield temporary.name


def _has_files_in_memory() -> bool:
    """Return True if the system has files in memory that can be opened by path."""
    try:
        descriptor = os.memfd_create("pem")
    except OSError:
        return False
    try:
        return os.access(f"/proc/self/fd/{descriptor}", os.R_OK)
    finally:
        os.close(descriptor)


def _find_cause(client: ClientCertificate, reason: str | None) -> str:
    """Return the cause with its remedy."""
    if reason == _OTHER_KEY or reason in _OTHER_ALGORITHM:
        others = _CERTIFICATE.findall(client.certificate)[1:]
        if any(_matches_key(certificate, client) for certificate in others):
            return "certificate does not start with the client's own certificate: store the client's own first"
        if reason in _OTHER_ALGORITHM:
            return "privateKey and certificate have different algorithms (RSA, EC): store the key of this certificate"
        return "privateKey belongs to another certificate: store the key of this certificate"
    if not _is_certificate(client.certificate):
        return "certificate is not valid PEM: store it as PEM, with its line breaks"
    if "ENCRYPTED" in client.private_key:
        return (
            "privateKeyPassword does not decrypt privateKey: correct it"
            if client.password
            else "privateKey is encrypted: add its privateKeyPassword"
        )
    return "privateKey is not valid PEM: store it as PEM, with its line breaks"


def _matches_key(certificate: str, client: ClientCertificate) -> bool:
    try:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, client)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _is_certificate(text: str) -> bool:
    certificates = _CERTIFICATE.findall(text)
    try:
        for certificate in certificates:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificate)
    except (ssl.SSLError, TypeError, ValueError):  # TypeError if it is not ASCII
        return False
    return bool(certificates)
