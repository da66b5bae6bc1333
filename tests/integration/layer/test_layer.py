"""Each layer that `sam build` builds is complete, small, and quick to import on its architecture."""

import importlib.util
import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from feature_events.events.schema import SCHEMA_FILES
from local.application.artefacts import ARCHITECTURE, Artefacts, build
from local.paths import LAMBDA_RUNTIME
from local.servers.processes import Processes

MEBIBYTE = 1024 * 1024
MACHINES = {"x86_64": 62, "arm64": 183}
"""The number of each architecture in the header of an ELF file."""
WHEELS = {"x86_64": "x86_64", "arm64": "aarch64"}


class Built(NamedTuple):
    """The results of `sam build` for one architecture."""

    architecture: str
    artefacts: Artefacts

    @property
    def packages(self) -> Path:
        """The directory of the layer's packages."""
        return self.artefacts.layer / "python"


@pytest.fixture(scope="module", params=list(MACHINES))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build for each architecture on this machine."""
    if request.param == ARCHITECTURE:
        return Built(request.param, request.getfixturevalue("artefacts"))
    home = tmp_path_factory.mktemp(request.param)
    processes = Processes(home)
    try:
        return Built(request.param, build(processes, home / "build", request.param))
    finally:
        processes.end()


def test_layer__has_libraries_of_its_architecture_only(built: Built) -> None:
    """Compiled modules are for the target architecture, not for that of the building machine."""
    libraries = list(built.packages.rglob("*.so*"))
    machines = {path.name: struct.unpack_from("<H", path.read_bytes(), 18)[0] for path in libraries}
    assert len(libraries) > 5
    assert machines == dict.fromkeys(machines, MACHINES[built.architecture])


def test_layer__has_wheels_for_the_lambda_runtime(built: Built) -> None:
    """Each wheel is pure Python or for manylinux, up to the C library of Amazon Linux 2023."""
    tags = [
        line.removeprefix("Tag: ").strip()
        for path in built.packages.glob("*.dist-info/WHEEL")
        for line in path.read_text().splitlines()
        if line.startswith("Tag: ")
    ]
    machine = WHEELS[built.architecture]
    libraries = [f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in range(5, 35))]
    allowed = ("-any", *libraries)
    assert tags
    assert [tag for tag in tags if not tag.endswith(allowed)] == []


def test_layer__is_small(built: Built) -> None:
    """Its size is at most 12 MiB zipped and 30 MiB unzipped, since each cold start loads it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as layer:
        for path in built.artefacts.layer.rglob("*"):
            layer.write(path, path.relative_to(built.artefacts.layer))
    unzipped = sum(path.stat().st_size for path in built.artefacts.layer.rglob("*") if path.is_file())
    assert (archive.tell() <= 12 * MEBIBYTE, unzipped <= 30 * MEBIBYTE) == (True, True), (archive.tell(), unzipped)


def test_layer__excludes_packages_of_the_runtime(built: Built) -> None:
    """boto3 and its dependencies come from the runtime."""
    runtime = {path.name for path in (LAMBDA_RUNTIME.parent / "lib" / "python3.13" / "site-packages").iterdir()}
    shared = {path.name for path in built.packages.iterdir() if path.suffix != ".dist-info"} & runtime
    # Dependencies of boto3 and of the layer, whose versions may differ
    assert shared - {"jmespath", "urllib3", "__pycache__"} == set()


def test_bytecode__is_used_without_a_check_of_its_source(built: Built) -> None:
    """Every module of layer and code has unchecked hash-based bytecode of this Python version."""
    modules = [*built.packages.rglob("*.py"), *built.artefacts.code.rglob("*.py")]
    without = []
    for module in modules:
        bytecode = Path(importlib.util.cache_from_source(str(module)))
        head = bytecode.read_bytes()[:8] if bytecode.exists() else b""
        if head != importlib.util.MAGIC_NUMBER + b"\x01\0\0\0":
            without.append(module.name)
    assert len(modules) > 100
    assert without == []


SOURCE = Path("src")
MODULES = sorted(".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.rglob("*.py"))
LAZY = ["fastavro", "requests", "boto3", "aws_msk_iam_sasl_signer", "confluent_kafka.admin"]


def test_function__needs_only_code_layer_and_runtime(artefacts: Artefacts) -> None:
    """Every module can be imported, and every package that it imports late."""
    names = [*(name for name in MODULES if not name.endswith("__init__")), *LAZY]
    code = f"import importlib, json; print(json.dumps([importlib.import_module(n).__name__ for n in {names!r}]))"
    environ = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join([str(artefacts.code), str(artefacts.layer / "python")]),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    python = LAMBDA_RUNTIME / "python3.13"
    done = subprocess.run([python, "-c", code], env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # this test's own
    assert json.loads(done.stdout.splitlines()[-1]) == names


@pytest.mark.parametrize("file", SCHEMA_FILES)
def test_schema__is_deployed_unchanged(artefacts: Artefacts, file: str) -> None:
    """The deployed file is a copy of the source file, not a link."""
    deployed = artefacts.code / "feature_events" / "events" / file
    assert not deployed.is_symlink()
    assert deployed.read_text() == Path("schemas", file).read_text()


def test_table_layouts__are_deployed_unchanged(artefacts: Artefacts) -> None:
    """Every layout file that TABLE_LAYOUTS can name is deployed as a file, not a link."""
    folder = artefacts.code / "feature_events" / "layouts" / "table_layouts"
    assert not folder.is_symlink()
    deployed = {file.name: file.read_text() for file in folder.iterdir()}
    assert deployed == {file.name: file.read_text() for file in Path("schemas/table_layouts").iterdir()}
    assert "default.json" in deployed
