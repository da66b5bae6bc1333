"""The local stack runs wherever the checkout lies, and says in one line where it cannot write."""

import errno
import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from local.errors import LocalError
from local.paths import ROOT
from local.servers.downloads import Artifact, unpack
from local.servers.kafka import Kafka

ODD = "two words, żółć 東京"


def test_layer__knows_its_architecture_in_any_place(tmp_path: Path) -> None:
    """The folder's name is found behind spaces and other letters."""
    makefile = tmp_path / ODD / "x86_64" / "Makefile"
    makefile.parent.mkdir(parents=True)
    makefile.symlink_to(ROOT / "layers" / "dependencies" / "Makefile")
    command = ["make", "--dry-run", "--makefile", str(makefile), "build-DependenciesLayer"]
    environ = {"PATH": os.environ["PATH"], "ARTIFACTS_DIR": f"/{ODD}"}
    told = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert told == f'python3.13 build.py x86_64 "/{ODD}"\n'


def test_kafka__keeps_its_data_in_any_place(tmp_path: Path) -> None:
    """The broker writes into its own directory, whatever the name, and finds it again."""
    home = tmp_path / ODD
    with Kafka(home) as kafka:
        assert (home / "kafka" / "0" / "data" / "meta.properties").exists()
        kafka.restart()
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


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
