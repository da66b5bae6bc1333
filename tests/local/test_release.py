"""The zip file of a release is complete, reproducible and described."""

import importlib.metadata
import io
import json
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_expression
from cyclonedx.validation.json import JsonStrictValidator
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from feature_events import VERSION
from local.paths import ROOT
from local.release.build import CHECKSUMS, COPIED, TREES, build_release
from tests.template.document import ATTACHED, BROKERS, read_template
from tests.template.functions import find_invalid

LAYERS = ("layer-arm64.zip", "layer-x86_64.zip")
SOURCES = ("pyproject.toml", "template.yaml", "src", "layers", "requirements", "release", *TREES, *COPIED)


def read_zip(data: bytes) -> dict[str, bytes]:
    """Return the contents of a zip file by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def files(release: Path) -> Mapping[str, bytes]:
    """Return the contents of the release."""
    return read_zip(release.read_bytes())


@pytest.fixture(scope="module")
def layers(files: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Unpack the layers, and return the directories of their packages."""
    home = tmp_path_factory.mktemp("layers")
    for name in LAYERS:
        zipfile.ZipFile(io.BytesIO(files[name])).extractall(home / name)
    return {name: home / name / "python" for name in LAYERS}


def test_builds__in_different_folders_are_identical(release: Path, tmp_path: Path) -> None:
    """Times and modes of the files, their order and the path of the checkout make no difference."""
    copy = tmp_path / "another checkout"
    for name in SOURCES:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target, symlinks=True, ignore=ignored, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / name, target)
    (copy / "table.yaml").chmod(stat.S_IRUSR)
    built = build_release(tmp_path / "dist", copy)
    assert built.name == release.name == f"feature-events-{VERSION}.zip"
    assert built.read_bytes() == release.read_bytes()


def test_zip__names_no_path_of_the_build(release: Path) -> None:
    """This includes bytecode and the metadata of the packages."""
    paths = [ROOT, sys.prefix, sys.base_prefix, release.parent, Path(tempfile.gettempdir(), "feature-events-")]
    unpacked = read_zip(release.read_bytes())
    for name in ("function.zip", *LAYERS):
        unpacked |= {f"{name}/{file}": data for file, data in read_zip(unpacked.pop(name)).items()}
    assert [name for name, data in unpacked.items() for path in paths if str(path).encode() in data] == []
    assert [name for name in unpacked if name.endswith("direct_url.json")] == []


def test_checksums__verify(release: Path) -> None:
    """`sha256sum --check` accepts the zip file."""
    command = ["sha256sum", "--strict", "--check", CHECKSUMS]
    done = subprocess.run(command, cwd=release.parent, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (0, f"{release.name}: OK\n")


def test_template__refers_to_files_of_the_zip(files: Mapping[str, bytes]) -> None:
    """Code, layers and state machine are built. The rest of the template is that of the checkout."""
    paths = re.findall(r"^ +(?:CodeUri|ContentUri|DefinitionUri): (.+)$", files["template.yaml"].decode(), re.MULTILINE)
    assert set(paths) == {"function.zip", *LAYERS, "statemachines/backfill.asl.json"}
    assert set(paths) <= set(files)
    assert b"BuildMethod" not in files["template.yaml"]
    assert files["table.yaml"] == (ROOT / "table.yaml").read_bytes()


def test_zip__contains_schemas_page_and_license(files: Mapping[str, bytes]) -> None:
    """They are those of the checkout."""
    schemas = [path for path in (ROOT / "schemas").rglob("*") if path.is_file()]
    assert {path.relative_to(ROOT).as_posix() for path in schemas} < set(files)
    assert {"INSTALL.md", "parameters.json", "LICENSE", "THIRD-PARTY-LICENSES.txt", "sbom.cdx.json"} < set(files)


def test_function__has_its_code_and_schemas(files: Mapping[str, bytes]) -> None:
    """Linked files are contained as files."""
    code = read_zip(files["function.zip"])
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    assert modules <= set(code)
    assert code["feature_events/events/feature_trigger.avsc"] == (ROOT / "schemas/feature_trigger.avsc").read_bytes()


def test_sbom__is_valid(files: Mapping[str, bytes]) -> None:
    """It follows CycloneDX's JSON schema, and licenses that look like SPDX expressions are such."""
    text = files["sbom.cdx.json"].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    licenses = [each for component in json.loads(text)["components"] for each in component["licenses"]]
    assert [each for each in licenses if not is_expression(each.get("expression", "MIT"))] == []


def test_sbom__lists_exactly_the_packages_of_the_layers(files: Mapping[str, bytes], layers: Mapping[str, Path]) -> None:
    """Both layers have the same packages. The function is the component that the document is about."""
    sbom = json.loads(files["sbom.cdx.json"])
    listed = sorted((each["name"], each["version"]) for each in sbom["components"])
    for path in layers.values():
        assert (
            sorted((each.name, each.version) for each in importlib.metadata.distributions(path=[str(path)])) == listed
        )
    assert (sbom["metadata"]["component"]["name"], sbom["metadata"]["component"]["version"]) == (
        "feature-events",
        VERSION,
    )


def test_layers__contain_only_modules_of_listed_packages(layers: Mapping[str, Path]) -> None:
    """No package without metadata is missing in the bill of materials, and no removed package is in it."""
    for path in layers.values():
        tops = {each.name.partition(".")[0] for each in path.iterdir() if each.suffix != ".dist-info"} - {"__pycache__"}
        found = importlib.metadata.distributions(path=[str(path)])
        provided = {each.name: {file.parts[0].partition(".")[0] for file in each.files or ()} & tops for each in found}
        assert {top for names in provided.values() for top in names} == tops
        assert [name for name, names in provided.items() if not names] == []


def test_licenses__contain_the_texts_of_all_packages(files: Mapping[str, bytes], layers: Mapping[str, Path]) -> None:
    """Each package has at least one license file, and each file is quoted in full."""
    text = files["THIRD-PARTY-LICENSES.txt"].decode()
    for information in layers[LAYERS[0]].glob("*.dist-info"):
        found = [each for each in information.rglob("*") if re.match("LICEN[CS]E|NOTICE|COPYING", each.name)]
        assert found, information.name
        assert [each.name for each in found if each.read_text().strip() not in text] == []


def test_parameters__are_valid_once_placeholders_are_replaced(files: Mapping[str, bytes]) -> None:
    """CloudFormation refuses each placeholder, and sam reads the same values as the AWS CLI."""
    lines: list[str] = json.loads(files["parameters.json"])
    parameters = {name: value for name, _, value in (line.partition("=") for line in lines)}
    placeholders = [name for name, value in parameters.items() if value.startswith("YOUR_")]
    assert find_invalid(read_template(), parameters) == placeholders
    required = [name for name, each in read_template()["Parameters"].items() if "Default" not in each]
    assert set(required) <= set(parameters)
    assert set(required) == set(BROKERS)
    assert CfnParameterOverridesType().convert(lines, None, None) == parameters


def test_page__sets_the_required_parameters_of_an_attachment(files: Mapping[str, bytes]) -> None:
    """The command for the attachment can be run as it is."""
    assert [name for name in ATTACHED if f" {name}=" not in files["INSTALL.md"].decode()] == []
