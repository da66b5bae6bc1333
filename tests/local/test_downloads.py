"""Downloads happen once, match their checksums, and report in one line why they failed."""

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
    """A Maven repository that returns the same bytes for every request, and counts the requests."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.requests = 0
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """The request handler of Repository."""

    server: Repository

    def do_GET(self) -> None:
        """Send the bytes."""
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Start a repository, and use an empty cache."""
    with Repository(b"a jar") as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MAVEN_REPO_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("local.servers.downloads.PAUSE", 0.01)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()


def test_fetch__downloads_a_file_once(repository: Repository) -> None:
    """A file with the expected checksum is not downloaded again."""
    artifact = Artifact("org.example:thing:1.0", hashlib.sha256(b"a jar").hexdigest())
    fetch([artifact])
    fetch([artifact])
    assert artifact.file.read_bytes() == b"a jar"
    assert repository.requests == 1


def test_fetch__rejects_a_wrong_checksum(repository: Repository, tmp_path: Path) -> None:
    """The error names the artifact, and the file is deleted."""
    artifact = Artifact("org.example:thing:1.0:tar.gz:all", "0" * 64)
    with pytest.raises(LocalError, match=r"org\.example:thing:1\.0:tar\.gz:all has the sha256 .* lock requires 0000"):
        fetch([artifact])
    assert repository.requests > 0
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """Return an archive that is downloaded but not unpacked."""
    monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("program"))
    artifact = Artifact("org.example:thing:1.0:tar.gz:all", hashlib.sha256(content.getvalue()).hexdigest())
    artifact.file.parent.mkdir(parents=True)
    artifact.file.write_bytes(content.getvalue())
    return artifact


def test_unpack__reports_a_full_disk(archive: Artifact, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names the directory and the remedy. A partly unpacked archive is deleted."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tarfile.TarFile.makefile", fail)
    with pytest.raises(LocalError, match=r"cache/unpacked: No space left on device: free some disk space$"):
        unpack(archive)
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setenv("FEATURE_EVENTS_CACHE", str(tmp_path / "cache"))
    assert (unpack(archive) / "program").exists()
