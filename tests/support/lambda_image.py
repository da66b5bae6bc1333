"""Makes sure that Docker has the image which `sam local invoke` runs the function in, pulled or made from local files.

AWS's image cannot be pulled everywhere (no internet, a closed network, a rate limit), and a test that needs it would
then prove nothing. The stand-in is this machine's own Python 3.13 in the places where Lambda has its own, the runtime's
packages from `.local/lambda`, and the few programs that `sam` runs while it adds the layer. It is smaller than AWS's
image and not Amazon Linux: what only the operating system decides is not shown by it.
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
# The very name that `sam local invoke` asks for, so that no option has to be given to it.
IMAGE = f"public.ecr.aws/lambda/python:{sysconfig.get_python_version()}-{ARCHITECTURE}"
PULL_SECONDS = 120
LABEL = "feature-events.stand-in"

INTERPRETER = Path(sys.base_prefix) / "bin" / PYTHON
LIBRARY = Path(sysconfig.get_path("stdlib"))
LEFT_OUT = re.compile(r"/(test|idlelib|turtledemo|ensurepip|(site|dist)-packages|config-[^/]*|[^/]*\.a)$")
RUNTIME = LAMBDA_RUNTIME.parent / "lib" / PYTHON / "site-packages"

PROGRAMS = ("sh", "env", "cat", "ls", "mv", "cp", "rm", "chmod")
# What binary wheels may expect of any Linux (PEP 600), where no program above needs it already.
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

# The managed runtime's order: the function, its layers, Python's own library, the runtime's packages.
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
    """One docker command, its output kept."""
    command = ["docker", *arguments]
    return subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 -- built here


def why_no_docker() -> str | None:
    """The reason, in one line, why no container can be run here; None where one can."""
    if shutil.which("docker") is None:
        return "Docker is not running: there is no docker command"
    try:
        info = docker("info", "--format", "{{.ServerVersion}}", seconds=30)
    except subprocess.TimeoutExpired:
        return "Docker is not running: no answer within 30 seconds"
    return f"Docker is not running: {info.stderr.strip().splitlines()[-1]}" if info.returncode else None


def stamp() -> str:
    """What a stand-in was made of: it is made again when this changes."""
    made_of = [Path(__file__).read_bytes(), sys.version.encode(), (ROOT / "requirements" / "lambda.txt").read_bytes()]
    return hashlib.sha256(b"\0".join(made_of)).hexdigest()


def shared_libraries(binaries: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries that these files load and that wheels expect: place in the image -> file here."""
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607 -- built here
    loader = re.findall(r"^\s(/\S+) \(", listed, re.MULTILINE)[0]
    found = {name: Path(path) for name, path in re.findall(r"(\S+) => (/\S+)", listed)}
    home = found["libc.so.6"].parent
    for name in WHEEL_LIBRARIES:
        if (home / name).exists():
            found.setdefault(name, home / name)
    return {loader: Path(loader)} | {str(home / name): path for name, path in found.items()}


def write_files(archive: tarfile.TarFile) -> None:
    """The image's files."""

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
    """Makes the stand-in, under the name of AWS's image."""
    changes = [part for setting in (*SETTINGS, f"LABEL {LABEL}={stamp()}") for part in ("--change", setting)]
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            write_files(archive)
        file.seek(0)
        done = docker("import", *changes, "-", IMAGE, stdin=file)
    if done.returncode:
        raise LocalError(f"docker import refused the stand-in: {done.stderr.strip()}")


def ensure() -> str:
    """Has the image in Docker, AWS's own where it is or can be pulled; says which it is."""
    label = docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', IMAGE)
    if label.returncode == 0 and label.stdout.strip() in ("", "<no value>"):
        return f"{IMAGE}: AWS's own"
    if label.returncode == 0 and label.stdout.strip() == stamp():
        return f"{IMAGE}: the stand-in, up to date"
    problem = pull()
    if problem is None:
        return f"{IMAGE}: AWS's own, pulled"
    if sys.platform != "linux":
        raise LocalError(f"{IMAGE} cannot be pulled, and a stand-in can be made on Linux only: {problem}")
    make()
    return f"{IMAGE}: a stand-in made from this machine's files, as AWS's own cannot be pulled: {problem}"


def pull() -> str | None:
    """Pulls AWS's own image; the reason where that fails or takes too long."""
    try:
        pulled = docker("pull", "--quiet", IMAGE, seconds=PULL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done in {PULL_SECONDS} s"
    return pulled.stderr.strip() if pulled.returncode else None


def main(console: Console) -> int:
    """Has the image in Docker and says which it is."""
    if reason := why_no_docker():
        raise LocalError(reason)
    console.print(ensure(), highlight=False, markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    run(main)
