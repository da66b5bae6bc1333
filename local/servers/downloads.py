"""Download the Kafka and schema registry programs once.

A lock file names every file by its Maven coordinate and sha256. Java, Maven and Docker are not needed.
"""

import hashlib
import http.client
import os
import secrets
import shutil
import tarfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from local.errors import LocalError, is_disk_error, make_local_error
from local.paths import ROOT, cache_directory

KAFKA_LOCK = ROOT / "local" / "servers" / "kafka.lock"
REGISTRY_LOCK = ROOT / "local" / "servers" / "registry.lock"
ATTEMPTS = 4
PAUSE = 0.25
"""The first pause between attempts in seconds. Each further pause is twice as long."""
TIMEOUT = 60.0
CHUNK = 1 << 18
PARALLEL = 8

type Progress = Callable[[int, int], None]
"""A callback for newly arrived and newly announced bytes."""


class Artifact(NamedTuple):
    """One file of a Maven repository and its expected checksum."""

    coordinate: str
    sha256: str

    @classmethod
    def read_line(cls, line: str) -> Self:
        """Parse a line of a lock: `group:artifact:version[:type[:classifier]] sha256`."""
        coordinate, sha256 = line.split()
        return cls(coordinate, sha256)

    @property
    def path(self) -> str:
        """The path in a Maven repository."""
        group, artifact, version, *rest = self.coordinate.split(":")
        kind = rest[0] if rest else "jar"
        classifier = f"-{rest[1]}" if rest[1:] else ""
        return f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}{classifier}.{kind}"

    @property
    def file(self) -> Path:
        """The path on this machine."""
        return cache_directory() / "artifacts" / self.path

    def is_downloaded(self) -> bool:
        """Return whether the file exists and has the expected checksum."""
        try:
            with self.file.open("rb") as stored:
                return hashlib.file_digest(stored, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def read_lock(lock: Path) -> tuple[Artifact, ...]:
    """Return the artifacts in a lock."""
    lines = lock.read_text().splitlines()
    return tuple(Artifact.read_line(line) for line in lines if line and not line.startswith("#"))


def fetch(artifacts: Sequence[Artifact], progress: Progress = lambda _new, _announced: None) -> None:
    """Download the missing artifacts."""
    with ThreadPoolExecutor(PARALLEL, "fetch") as pool:
        downloaded = pool.map(Artifact.is_downloaded, artifacts)
        missing = [artifact for artifact, is_done in zip(artifacts, downloaded, strict=True) if not is_done]
        repository = _repository() if missing else ""
        for done in [pool.submit(_fetch_one, artifact, repository, progress) for artifact in missing]:
            done.result()


def unpack(artifact: Artifact, progress: Progress = lambda _new, _announced: None) -> Path:
    """Download and unpack an archive, and return its directory. The archive is deleted afterwards."""
    home = cache_directory() / "unpacked" / f"{artifact.coordinate.split(':')[1]}-{artifact.sha256[:16]}"
    if not home.exists():
        fetch([artifact], progress)
        part = home.with_name(f"{home.name}.{secrets.token_hex(4)}.part")
        try:
            _extract(artifact.file, part, progress)
            _move(part, home)
        except OSError as error:
            raise make_local_error(error, home.parent) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        artifact.file.unlink(missing_ok=True)
    return home


def _extract(file: Path, part: Path, progress: Progress) -> None:
    """Unpack an archive. The callback is called for each file, and may raise to stop."""
    with tarfile.open(file) as archive:
        for member in archive:
            progress(0, 0)
            archive.extract(member, part, filter="data")


def make_directory(directory: Path) -> None:
    """Create a directory of the cache.

    Raises:
        LocalError: the directory cannot be created.

    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise make_local_error(error, directory) from error


def _move(part: Path, home: Path) -> None:
    """Move a finished directory to its final path, unless another process was faster."""
    try:
        part.rename(home)
    except OSError:
        if not home.exists():
            raise


def _repository() -> str:
    """Return the address of the Maven repository: MAVEN_REPO_URL, or the default of jgo."""
    chosen = os.environ.get("MAVEN_REPO_URL")
    if not chosen:
        from jgo.maven import MavenContext  # noqa: PLC0415 -- needed only if an artifact is missing

        chosen = next(iter(MavenContext().remote_repos.values()))
    return chosen.rstrip("/")


def _fetch_one(artifact: Artifact, repository: str, progress: Progress) -> None:
    part = artifact.file.with_name(f"{artifact.file.name}.{secrets.token_hex(4)}.part")
    make_directory(part.parent)
    problem = ""
    try:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2**attempt)
            try:
                found = _download(f"{repository}/{artifact.path}", part, progress)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and is_disk_error(error):
                    raise make_local_error(error, part.parent) from error
                problem = f"could not be downloaded: {error}"
                continue
            if found == artifact.sha256:
                part.replace(artifact.file)
                return
            problem = f"has the sha256 {found}, but the lock requires {artifact.sha256}; the download was deleted"
    finally:
        part.unlink(missing_ok=True)
    raise LocalError(f"{artifact.coordinate} {problem}")


def _download(address: str, part: Path, progress: Progress) -> str:
    """Download to `part`, and return the sha256."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(address, timeout=TIMEOUT) as source, part.open("wb") as out:  # noqa: S310 -- an address that the user has set
        progress(0, int(source.headers.get("Content-Length", 0)))
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
            progress(len(chunk), 0)
    return digest.hexdigest()
