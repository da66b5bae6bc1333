"""Build the application with `sam build`, exactly as it is deployed to AWS.

The build does not touch `.aws-sam`, which may contain a build to be deployed.
"""

import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from local.environment import make_aws_environment, make_tool_environment
from local.paths import HOME, ROOT, TOOLS
from local.servers.processes import Processes

FUNCTION = "FeatureEventsFunction"
LAYERS = {"arm64": "DependenciesLayerArm64", "x86_64": "DependenciesLayerX86"}
"""The layer of each architecture. Only the deployed one is built."""
CONFIG = ROOT / "samconfig.toml"
SAM = HOME / "sam"
"""sam's cache between builds. A layer is not rebuilt if its lock is unchanged."""

ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
"""This machine's architecture in AWS's terms, which the functions of the local stack use."""

BUILD_LIMIT = 600.0
NO_AWS = "http://127.0.0.1:9"


class Artefacts(NamedTuple):
    """The results of `sam build`: the template, the function's directory and the layer's directory."""

    template: Path
    code: Path
    layer: Path

    @classmethod
    def find(cls, directory: Path, architecture: str = ARCHITECTURE) -> Self:
        """Return the artefacts that were built to this directory."""
        return cls(directory / "template.yaml", directory / FUNCTION, directory / LAYERS[architecture])


@contextlib.contextmanager
def scratch(directory: Path) -> Iterator[Path]:
    """Provide a temporary directory for sam, which leaves empty folders in it."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sam-", dir=directory) as temporary:
        yield Path(temporary)


def build(processes: Processes, directory: Path, architecture: str = ARCHITECTURE) -> Artefacts:
    """Build in the directory that sam caches, one build at a time, and copy the results to `directory`."""
    SAM.mkdir(parents=True, exist_ok=True)
    command = [
        *(TOOLS / "sam", "build", "--config-file", CONFIG, "--template-file", ROOT / "template.yaml"),
        *("--build-dir", SAM / "build", "--cache-dir", SAM / "cache"),
        *("--parameter-overrides", f"ParameterKey=Architecture,ParameterValue={architecture}"),
        *("--exclude", *[layer for other, layer in LAYERS.items() if other != architecture]),
    ]
    with (SAM / "lock").open("w") as lock, scratch(processes.directory) as temporary:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = {**make_aws_environment(NO_AWS), "__SAM_CLI_APP_DIR": str(SAM), "TMPDIR": str(temporary)}
        environment = make_tool_environment(settings)
        processes.start("sam-build", command, environment, ROOT).wait_for_success(BUILD_LIMIT)
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(SAM / "build", directory)
    artefacts = Artefacts.find(directory, architecture)
    # The template's paths to files of the checkout are relative to sam's build directory
    text = artefacts.template.read_text().replace(
        os.path.relpath(ROOT, SAM / "build"), os.path.relpath(ROOT, directory)
    )
    artefacts.template.write_text(text)
    return artefacts
