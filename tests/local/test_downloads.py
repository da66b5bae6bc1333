"""What is downloaded is fetched once, is what the lock says, and says in one line why it could not be kept."""

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.errors import LocalError
from local.servers.downloads import Artifact, fetch, unpack


class Repository(ThreadingHTTPServer):
    """A repository on loopback that answers every request with the same bytes, and counts them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.requests = 0
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    """One answer of a Repository."""

    server: Repository

    def do_GET(self) -> None:
        """Sends the bytes."""
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository, and an empty cache to fetch into."""
    with Repository(b"a jar") as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MAVEN_REPO_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("local.servers.downloads.PAUSE", 0.01)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()


def test_fetch__brings_a_file_once(repository: Repository) -> None:
    """A file that is here and sound is not fetched again."""
    artifact = Artifact("org.example:thing:1.0", hashlib.sha256(b"a jar").hexdigest())
    fetch([artifact])
    fetch([artifact])
    assert artifact.file.read_bytes() == b"a jar"
    assert repository.requests == 1


def test_fetch__refuses_a_wrong_checksum(repository: Repository, tmp_path: Path) -> None:
    """A file that is not what the lock says is named in the error and is not kept."""
    artifact = Artifact("org.example:thing:1.0:tar.gz:all", "0" * 64)
    with pytest.raises(LocalError, match=r"org\.example:thing:1\.0:tar\.gz:all has the sha256 .* the lock says 0000"):
        fetch([artifact])
    assert repository.requests > 0
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """An archive that is fetched and not unpacked yet."""
    monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("program"))
    artifact = Artifact("org.example:thing:1.0:tar.gz:all", hashlib.sha256(content.getvalue()).hexdigest())
    artifact.file.parent.mkdir(parents=True)
    artifact.file.write_bytes(content.getvalue())
    return artifact


def test_unpack__says_that_the_disk_is_full(archive: Artifact, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line with the place and what to do, and no half of an archive that passes for the whole."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tarfile.TarFile.makefile", fail)
    with pytest.raises(LocalError, match=r"cache/unpacked: No space left on device: free some space on that disk$"):
        unpack(archive)
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
    assert (unpack(archive) / "program").exists()
