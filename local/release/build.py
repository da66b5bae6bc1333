"""Build the zip file of a release. Two builds of the same commit have identical bytes."""

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from local.application.artefacts import FUNCTION, LAYERS
from local.environment import make_tool_environment
from local.errors import LocalError
from local.paths import ROOT
from local.release.checks import read_version
from local.release.packages import Package, format_licenses, make_sbom, read_packages

CHECKSUMS = "SHA256SUMS"
COPIED = ("table.yaml", "LICENSE", "release/INSTALL.md", "release/parameters.json")
"""Files of the checkout that the zip contains unchanged, without their directory."""
TREES = ("schemas", "statemachines")
"""Directories of the checkout that the zip contains."""
BUILD_METHOD = "    Metadata: {BuildMethod: makefile}\n"
ARCHIVES = {
    "CodeUri: src": "CodeUri: function.zip",
    **{f"ContentUri: layers/dependencies/{each}": f"ContentUri: layer-{each}.zip" for each in LAYERS},
}
"""Paths in template.yaml, and those of the prebuilt archives that replace them."""

_FIRST_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3
_SECONDS = 600.0


def build_release(directory: Path, source: Path = ROOT) -> Path:
    """Build the release of the checkout `source` in `directory`, with SHA256SUMS, and return its zip file.

    Raises:
        LocalError: a part could not be built.

    """
    version = read_version(source)
    with tempfile.TemporaryDirectory(prefix="feature-events-") as temporary:
        archives, packages = _build_archives(source, Path(temporary))
    sbom = make_sbom(version, archives["function.zip"], packages)
    files = {
        "template.yaml": _refer_to_archives((source / "template.yaml").read_text()).encode(),
        **{Path(name).name: (source / name).read_bytes() for name in COPIED},
        **{f"{tree}/{name}": data for tree in TREES for name, data in _read_files(source / tree).items()},
        **archives,
        "sbom.cdx.json": sbom.encode(),
        "THIRD-PARTY-LICENSES.txt": format_licenses(packages).encode(),
    }
    directory.mkdir(parents=True, exist_ok=True)
    release = directory / f"feature-events-{version}.zip"
    release.write_bytes(_make_zip(files))
    digest = hashlib.sha256(release.read_bytes()).hexdigest()
    (directory / CHECKSUMS).write_text(f"{digest}  {release.name}\n")
    return release


def _build_archives(source: Path, scratch: Path) -> tuple[Mapping[str, bytes], list[Package]]:
    """Return the archives of the function and of each layer, and the packages of the layers."""
    code = scratch / FUNCTION
    _make(source / "src", FUNCTION, code)
    archives = {"function.zip": _make_zip(_read_files(code))}
    packages: list[Package] = []
    for architecture, layer in LAYERS.items():
        # A copy without symbolic links, as sam makes it: the build looks for its files next to itself
        copy = shutil.copytree(source / "layers" / "dependencies" / architecture, scratch / architecture)
        _make(copy, layer, scratch / layer)
        packages = read_packages(scratch / layer / "python")
        archives[f"layer-{architecture}.zip"] = _make_zip(_read_files(scratch / layer))
    return archives, packages


def _make(directory: Path, resource: str, target: Path) -> None:
    """Build one resource of the template to `target`, with the same Makefile as `sam build`."""
    target.mkdir()
    command = ["make", "--makefile", str(directory / "Makefile"), f"build-{resource}", f"ARTIFACTS_DIR={target}"]
    environment = make_tool_environment({"PYTHONHASHSEED": "0"})
    for name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"):  # options of a make that runs this program
        environment.pop(name, None)
    done = subprocess.run(  # the output is needed only after a failure
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise LocalError(f"{resource} could not be built: {done.stdout.strip()}")


def _refer_to_archives(template: str) -> str:
    """Return the application's template with the paths of the archives, which need no build."""
    for path, archive in {BUILD_METHOD: "", **ARCHIVES}.items():
        if path not in template:
            raise LocalError(f"template.yaml does not contain `{path.strip()}`; adapt local/release/build.py")
        template = template.replace(path, archive)
    return template


def _read_files(directory: Path) -> dict[str, bytes]:
    """Return the contents of all files below a directory by their relative paths."""
    files = [Path(home, name) for home, _, names in os.walk(directory) for name in names]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def _make_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file whose bytes depend only on the names and contents of the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _FIRST_TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".zip") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()
