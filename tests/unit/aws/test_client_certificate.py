"""For an unusable client certificate, the error contains the setting, the cause and the remedy."""

import os
import re
import ssl
import tempfile
from pathlib import Path

import pytest

from feature_events.aws.client_certificate import check_client_certificate, load_client_certificate
from feature_events.aws.secret import ClientCertificate
from feature_events.errors import Misconfigured
from tests.support.certificates import CertificateAuthority, Identity

ROOT = CertificateAuthority()
BETWEEN = CertificateAuthority("Between", ROOT)
EC, OTHER_EC = BETWEEN.issue("one"), BETWEEN.issue("other")
RSA, OTHER_RSA = BETWEEN.issue("one", algorithm="RSA"), BETWEEN.issue("other", algorithm="RSA")
ENCRYPTED = BETWEEN.issue("one", password="hidden")  # noqa: S106  # of a key that is made here


def with_leaf_last(identity: Identity) -> str:
    """Return the chain in reverse order."""
    return "".join(reversed(re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----\n", identity.certificate, re.DOTALL)))


def relabel(identity: Identity, word: str) -> str:
    """Return the chain with another label that OpenSSL accepts."""
    return identity.certificate.replace("CERTIFICATE", f"{word} CERTIFICATE")


@pytest.mark.parametrize(
    "client",
    [
        ClientCertificate(*EC, None),
        ClientCertificate(*RSA, None),
        ClientCertificate(*ENCRYPTED, "hidden"),
        ClientCertificate(*EC, "unused"),
        ClientCertificate(relabel(EC, "TRUSTED"), EC.private_key, None),
        ClientCertificate(f"Főtanúsítvány\n{EC.certificate}", EC.private_key, None),
    ],
)
def test_check_client_certificate__accepts_what_openssl_accepts(client: ClientCertificate) -> None:
    """This includes both algorithms, chains, encrypted keys, other labels and comments."""
    check_client_certificate(client, "Setting")


@pytest.mark.parametrize(
    ("client", "text"),
    [
        # https://github.com/confluentinc/librdkafka/issues/3728
        (ClientCertificate(EC.certificate, RSA.private_key, None), "privateKey and certificate have different"),
        (ClientCertificate(RSA.certificate, EC.private_key, None), "privateKey and certificate have different"),
        (ClientCertificate(EC.certificate, OTHER_EC.private_key, None), "privateKey belongs to another"),
        (ClientCertificate(RSA.certificate, OTHER_RSA.private_key, None), "privateKey belongs to another"),
        # https://github.com/confluentinc/librdkafka/issues/4894
        (ClientCertificate(with_leaf_last(EC), EC.private_key, None), "certificate does not start with"),
        (ClientCertificate(with_leaf_last(RSA), RSA.private_key, None), "certificate does not start with"),
        (ClientCertificate(relabel(EC, "TRUSTED"), OTHER_EC.private_key, None), "privateKey belongs to another"),
        (ClientCertificate(relabel(EC, "X509"), RSA.private_key, None), "privateKey and certificate have different"),
        (ClientCertificate(*ENCRYPTED, None), "privateKey is encrypted: add its privateKeyPassword"),
        (ClientCertificate(*ENCRYPTED, "wrong"), "privateKeyPassword does not decrypt privateKey"),
        (ClientCertificate(*ENCRYPTED, "hidden" * 1000), "privateKeyPassword does not decrypt privateKey"),
        (ClientCertificate("hidden", EC.private_key, None), "certificate is not valid PEM"),
        (ClientCertificate(EC.certificate.replace("\n", " "), EC.private_key, None), "certificate is not valid PEM"),
        (ClientCertificate(EC.certificate[:300], EC.private_key, None), "certificate is not valid PEM"),
        (ClientCertificate(EC.private_key, EC.certificate, None), "certificate is not valid PEM"),
        (ClientCertificate(EC.certificate, "hidden", None), "privateKey is not valid PEM"),
        (ClientCertificate(EC.certificate, EC.private_key.replace("\n", " "), None), "privateKey is not valid PEM"),
        (ClientCertificate("\udc80", "\udc80", "\udc80"), "certificate is not valid PEM"),
        (ClientCertificate(EC.certificate, EC.private_key, "\udc80"), "privateKey is not valid PEM"),
    ],
)
def test_check_client_certificate__explains_the_cause(client: ClientCertificate, text: str) -> None:
    """The message contains the setting and the name in the secret, and no values."""
    with pytest.raises(Misconfigured, match=rf"^the secret in Setting .*: {text}") as raised:
        check_client_certificate(client, "Setting")
    assert not any(each in str(raised.value) for each in ("hidden", "-----BEGIN", "wrong"))


def test_load_client_certificate__writes_no_file_to_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A private key is only in memory, and its files are closed after the call."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    before = sorted(each.name for each in Path("/proc/self/fd").iterdir())
    load_client_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ClientCertificate(*EC, None), "Setting")
    assert sorted(each.name for each in Path("/proc/self/fd").iterdir()) == before


def test_load_client_certificate__falls_back_to_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without files in memory, the temporary files are deleted, and Kafka's client checks its own certificate."""

    def refuse(_: str) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_client_certificate(context, ClientCertificate(*EC, None), "Setting")
    with pytest.raises(Misconfigured, match="privateKey belongs to another"):
        load_client_certificate(context, ClientCertificate(EC.certificate, OTHER_EC.private_key, None), "Setting")
    check_client_certificate(ClientCertificate(EC.certificate, OTHER_EC.private_key, None), "Setting")
    assert list(tmp_path.iterdir()) == []
