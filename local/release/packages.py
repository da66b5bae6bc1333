"""Describe the layer's packages: the bill of materials in CycloneDX's format, and the licenses."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any, NamedTuple

NAME = "feature-events"
_RULE = "=" * 79
_CLASSIFIER = "License :: OSI Approved :: "
_EXPRESSION = re.compile(r"[\w.+-]+( (AND|OR|WITH) [\w.+-]+)*")


class Package(NamedTuple):
    """An installed package."""

    name: str
    version: str
    license: str
    """The license as the package declares it: an SPDX expression, or a name."""
    texts: Mapping[str, str]
    """The text of each license file by its name."""

    @property
    def purl(self) -> str:
        """The package URL, which identifies the package in vulnerability databases."""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def read_packages(directory: Path) -> list[Package]:
    """Return the packages that are installed in a directory, sorted by name."""
    packages = [_read_package(path) for path in directory.glob("*.dist-info")]
    return sorted(packages, key=lambda each: each.purl)


def _read_package(information: Path) -> Package:
    metadata = PathDistribution(information).metadata
    classifiers = [each.removeprefix(_CLASSIFIER) for each in metadata.get_all("Classifier", []) if _CLASSIFIER in each]
    names = metadata.get_all("License-File", [])
    # Newer packages have their licenses in a directory: https://peps.python.org/pep-0639/
    paths = [next(path for path in (information / "licenses" / n, information / n) if path.exists()) for n in names]
    return Package(
        metadata["Name"],
        metadata["Version"],
        next(filter(None, [metadata.get("License-Expression"), metadata.get("License"), *classifiers]), "unknown"),
        {path.name: path.read_text() for path in paths},
    )


def make_sbom(version: str, function: bytes, packages: Iterable[Package]) -> str:
    """Return the bill of materials: the function's archive, and the packages of its layer."""
    listed = [_to_component(each) for each in packages]
    application = {
        "type": "application",
        "bom-ref": NAME,
        "name": NAME,
        "version": version,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(function).hexdigest()}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application},
        "components": listed,
        "dependencies": [{"ref": NAME, "dependsOn": [each["bom-ref"] for each in listed]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _to_component(package: Package) -> dict[str, Any]:
    is_expression = _EXPRESSION.fullmatch(package.license)
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "licenses": [{"expression": package.license} if is_expression else {"license": {"name": package.license}}],
    }


def format_licenses(packages: Iterable[Package]) -> str:
    """Return the license texts of all packages as one text."""
    parts = ["The dependency layers contain these packages."]
    for each in packages:
        parts.append(f"{_RULE}\n{each.name} {each.version} ({each.license})\n{_RULE}")
        parts += [f"{name}:\n\n{text.strip()}" for name, text in each.texts.items()]
    return "\n\n".join(parts) + "\n"
