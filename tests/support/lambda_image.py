"""Provide the Docker image for `sam local invoke`: pull AWS's image, or build a substitute from local files.

AWS's image cannot be pulled everywhere (no internet, a closed network, a rate limit). The substitute contains this
machine's Python 3.13 in Lambda's directories, the runtime's packages from `.local/lambda`, and the few programs that
`sam` runs to add the layer. It is not Amazon Linux, so it does not show differences of the operating system.
"""

import hashlib
import io
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from rich.console import Console

from local.commands.command import run
from local.errors import LocalError
from local.paths import LAMBDA_RUNTIME, ROOT

PYTHON = f"python{sysconfig.get_python_version()}"
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
# The name that `sam local invoke` uses, so that it needs no option
IMAGE = f"public.ecr.aws/lambda/python:{sysconfig.get_python_version()}-{ARCHITECTURE}"
PULL_SECONDS = 120
LABEL = "feature-events.substitute"

INTERPRETER = Path(sys.base_prefix) / "bin" / PYTHON
LIBRARY = Path(sysconfig.get_path("stdlib"))
LEFT_OUT = re.compile(r"/(test|idlelib|turtledemo|ensurepip|(site|dist)-packages|config-[^/]*|[^/]*\.a)$")
RUNTIME = LAMBDA_RUNTIME.parent / "lib" / PYTHON / "site-packages"

PROGRAMS = ("sh", "env", "cat", "ls", "mv", "cp", "rm", "chmod")
# Libraries that binary wheels may expect on any Linux (PEP 600)
WHEEL_LIBRARIES = (
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "libz.so.1",
)
DIRECTORIES = ("opt", "tmp", "var/task", "var/rapid")
BOOTSTRAP = f"""\
#!/var/lang/bin/{PYTHON}
import os
import sys

# The order of the managed runtime: the function, its layers, Python's library, the runtime's packages
sys.path.remove("/var/runtime")
sys.path[:0] = ["/var/task", "/opt/python/lib/{PYTHON}/site-packages", "/opt/python"]
sys.path.append("/var/runtime")
os.environ["AWS_EXECUTION_ENV"] = "AWS_Lambda_{PYTHON}"

from awslambdaric.__main__ import main

main(["bootstrap", os.environ["_HANDLER"]])
"""
TEXTS = {
    "var/runtime/bootstrap": BOOTSTRAP,
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
}
SETTINGS = (
    "ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
    "ENV LANG=en_US.UTF-8",
    "ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "ENV LAMBDA_TASK_ROOT=/var/task",
    "ENV LAMBDA_RUNTIME_DIR=/var/runtime",
    "WORKDIR /var/task",
)


def docker(
    *arguments: str, stdin: IO[bytes] | None = None, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a docker command, and capture its output."""
    command = ["docker", *arguments]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 -- built here


def find_docker_problem() -> str | None:
    """Return the reason in one line why Docker is unavailable, or None."""
    if shutil.which("docker") is None:
        return "Docker is not available: command docker not found"
    try:
        info = docker("info", "--format", "{{.ServerVersion}}", seconds=30)
    except subprocess.TimeoutExpired:
        return "Docker is not available: no response within 30 seconds"
    return f"Docker is not available: {info.stderr.strip().splitlines()[-1]}" if info.returncode else None


def fingerprint() -> str:
    """Return a hash of the substitute's sources. If it changes, the substitute is rebuilt."""
    sources = [Path(__file__).read_bytes(), sys.version.encode(), (ROOT / "requirements" / "lambda.txt").read_bytes()]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def shared_libraries(binaries: Iterable[Path]) -> dict[str, Path]:
    """Return the shared libraries that these files and wheels need: path in the image -> local file."""
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607 -- built here
    loader = re.findall(r"^\s(/\S+) \(", listed, re.MULTILINE)[0]
    found = {name: Path(path) for name, path in re.findall(r"(\S+) => (/\S+)", listed)}
    home = found["libc.so.6"].parent
    for name in WHEEL_LIBRARIES:
        if (home / name).exists():
            found.setdefault(name, home / name)
    return {loader: Path(loader)} | {str(home / name): path for name, path in found.items()}


def write_files(archive: tarfile.TarFile) -> None:
    """Write the files of the image."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return None if LEFT_OUT.search("/" + member.name) else member

    for name in DIRECTORIES:
        directory = tarfile.TarInfo(name)
        directory.type, directory.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        archive.addfile(directory)
    archive.add(LIBRARY, f"var/lang/lib/{PYTHON}", filter=plain)
    archive.add(RUNTIME, "var/runtime", filter=plain)
    for name, text in TEXTS.items():
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(text.encode()), 0o755
        archive.addfile(entry, io.BytesIO(text.encode()))

    programs = {f"bin/{name}": Path(shutil.which(name) or f"/bin/{name}") for name in PROGRAMS}
    programs[f"var/lang/bin/{PYTHON}"] = INTERPRETER
    extensions = [*LIBRARY.glob("lib-dynload/*.so"), *RUNTIME.rglob("*.so")]
    archive.dereference = True
    for place, path in (programs | shared_libraries([*programs.values(), *extensions])).items():
        archive.add(path.resolve(), place.lstrip("/"), filter=plain)


def make() -> None:
    """Build the substitute with the name of AWS's image."""
    changes = [part for setting in (*SETTINGS, f"LABEL {LABEL}={fingerprint()}") for part in ("--change", setting)]
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            write_files(archive)
        file.seek(0)
        done = docker("import", *changes, "-", IMAGE, stdin=file)
    if done.returncode:
        raise LocalError(f"docker import failed: {done.stderr.strip()}")


def ensure() -> str:
    """Provide the image, preferably AWS's, and describe it."""
    label = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', IMAGE)
    if label.returncode == 0 and label.stdout.strip() in ("", "<no value>"):
        return f"{IMAGE}: AWS's image"
    if label.returncode == 0 and label.stdout.strip() == fingerprint():
        return f"{IMAGE}: the substitute, up to date"
    problem = pull()
    if problem is None:
        return f"{IMAGE}: AWS's image, pulled"
    if sys.platform != "linux":
        raise LocalError(f"could not pull {IMAGE}, and a substitute can be built only on Linux: {problem}")
    make()
    return f"{IMAGE}: a substitute built from local files, because AWS's image could not be pulled: {problem}"


def pull() -> str | None:
    """Pull AWS's image. Return the reason of a failure, or None."""
    try:
        pulled = docker("pull", "--quiet", IMAGE, seconds=PULL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"timed out after {PULL_SECONDS} s"
    return pulled.stderr.strip() if pulled.returncode else None


def main(console: Console) -> int:
    """Provide the image, and print which one it is."""
    if reason := find_docker_problem():
        raise LocalError(reason)
    console.print(ensure(), highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    run(main)
