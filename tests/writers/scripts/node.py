"""Run the Node.js programs of this folder. `NODE_PATH` names the directory of their packages."""

import json
import os
import subprocess
from pathlib import Path


def find_writer(package: str) -> str:
    """Return the name and the version of an installed package."""
    description = Path(os.environ["NODE_PATH"], package, "package.json").read_text()
    return f"{package} {json.loads(description)['version']}"


def run_program(name: str) -> None:
    """Run a program of this folder to its end."""
    program = ["node", str(Path(__file__).with_name(name))]
    subprocess.run(program, check=True)  # noqa: S603 -- our own program
