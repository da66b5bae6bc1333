"""The layer is for its architecture, complete, small, and quick to import: both of them, as `sam build` makes them."""

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
from local.application.artefacts import Artefacts, build
from local.paths import LAMBDA_RUNTIME
from local.servers.processes import Processes

MEBIBYTE = 1024 * 1024
MACHINES = {"x86_64": 62, "arm64": 183}
"""Each architecture's number in the head of an ELF file."""
WHEELS = {"x86_64": "x86_64", "arm64": "aarch64"}


class Built(NamedTuple):
    """What `sam build` made for one architecture."""

    architecture: str
    artefacts: Artefacts

    @property
    def packages(self) -> Path:
        """Where the layer has its packages."""
        return self.artefacts.layer / "python"


@pytest.fixture(scope="module", params=list(MACHINES))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The build for each architecture, on this machine."""
    home = tmp_path_factory.mktemp(request.param)
    processes = Processes(home)
    try:
        return Built(request.param, build(processes, home / "build", request.param))
    finally:
        processes.end()


def test_layer__has_libraries_of_its_architecture_only(built: Built) -> None:
    """Each compiled module is for the machine that it will run on, whatever machine built it."""
    libraries = list(built.packages.rglob("*.so*"))
    machines = {path.name: struct.unpack_from("<H", path.read_bytes(), 18)[0] for path in libraries}
    assert len(libraries) > 5
    assert machines == dict.fromkeys(machines, MACHINES[built.architecture])


def test_layer__has_wheels_that_the_runtime_takes(built: Built) -> None:
    """Each wheel is pure or for manylinux of this architecture, up to the C library of Amazon Linux 2023."""
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
    """Zipped it has at most 12 MiB, unzipped 30: both are read at each cold start."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as layer:
        for path in built.artefacts.layer.rglob("*"):
            layer.write(path, path.relative_to(built.artefacts.layer))
    unzipped = sum(path.stat().st_size for path in built.artefacts.layer.rglob("*") if path.is_file())
    assert (archive.tell() <= 12 * MEBIBYTE, unzipped <= 30 * MEBIBYTE) == (True, True), (archive.tell(), unzipped)


def test_layer__leaves_to_the_runtime_what_it_brings(built: Built) -> None:
    """boto3 and what belongs to it are the runtime's, and nothing is in both."""
    runtime = {path.name for path in (LAMBDA_RUNTIME.parent / "lib" / "python3.13" / "site-packages").iterdir()}
    shared = {path.name for path in built.packages.iterdir() if path.suffix != ".dist-info"} & runtime
    # boto3 has these of its own, in versions that the runtime chooses
    assert shared - {"jmespath", "urllib3", "__pycache__"} == set()


def test_bytecode__is_taken_by_the_runtime_unchecked(built: Built) -> None:
    """Each module of layer and code has bytecode of this Python's format that is not compared with its source."""
    modules = [*built.packages.rglob("*.py"), *built.artefacts.code.rglob("*.py")]
    without = []
    for module in modules:
        bytecode = Path(importlib.util.cache_from_source(str(module)))
        head = bytecode.read_bytes()[:8] if bytecode.exists() else b""
        if head != importlib.util.MAGIC_NUMBER + b"\x01\0\0\0":
            without.append(module.name)
    assert len(modules) > 100
    assert without == []


MODULES = [path.stem for path in sorted(Path("src/feature_events").glob("*.py"))]
LAZY = ["fastavro", "requests", "boto3", "aws_msk_iam_sasl_signer", "confluent_kafka.admin"]


def test_pipeline__is_complete_on_runtime_and_layer(artefacts: Artefacts) -> None:
    """Every module of the function, and all that it imports late, is found in code, layer and runtime alone."""
    names = [*(f"feature_events.{stem}" for stem in MODULES if stem != "__init__"), *LAZY]
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
def test_schema__is_deployed_as_it_is(artefacts: Artefacts, file: str) -> None:
    """What is deployed has the one source file's text, and no link that leads nowhere."""
    deployed = artefacts.code / "feature_events" / "events" / file
    assert not deployed.is_symlink()
    assert deployed.read_text() == Path("schemas", file).read_text()


def test_table_layouts__are_deployed_as_they_are(artefacts: Artefacts) -> None:
    """Every file that TABLE_LAYOUTS can name is deployed, as files of their own and no link."""
    folder = artefacts.code / "feature_events" / "layouts" / "table_layouts"
    assert not folder.is_symlink()
    deployed = {file.name: file.read_text() for file in folder.iterdir()}
    assert deployed == {file.name: file.read_text() for file in Path("schemas/table_layouts").iterdir()}
    assert "default.json" in deployed
