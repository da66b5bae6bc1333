"""The local stack works in a checkout whose path contains spaces and non-ASCII characters."""

import os
import subprocess
from pathlib import Path

import pytest

from local.application.artefacts import LAYERS
from local.paths import ROOT
from local.servers.kafka import Kafka

ODD = "two words, żółć 東京"


@pytest.mark.parametrize(("architecture", "layer"), LAYERS.items())
def test_layer_makefile__finds_its_architecture_in_any_path(tmp_path: Path, architecture: str, layer: str) -> None:
    """The architecture is the name of the directory."""
    makefile = tmp_path / ODD / architecture / "Makefile"
    makefile.parent.mkdir(parents=True)
    makefile.symlink_to(ROOT / "layers" / "dependencies" / "Makefile")
    command = ["make", "--dry-run", "--makefile", str(makefile), f"build-{layer}"]
    environ = {"PATH": os.environ["PATH"], "ARTIFACTS_DIR": f"/{ODD}"}
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert output == f'python3.13 build.py {architecture} "/{ODD}"\n'


def test_kafka__keeps_its_data_in_any_path(tmp_path: Path) -> None:
    """The broker writes only to its own directory, and finds its data after a restart."""
    home = tmp_path / ODD
    with Kafka(home) as kafka:
        assert (home / "kafka" / "0" / "data" / "meta.properties").exists()
        kafka.restart()
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
