"""The local stack's AWS: MiniStack with CloudFormation, DynamoDB, Lambda, S3, Step Functions and logs, and moto's Glue.

The same `sam deploy` deploys the application here and to AWS, so the template is tested too.
"""

import sys
from pathlib import Path

from local.environment import make_server_environment
from local.paths import LAMBDA_RUNTIME, ROOT
from local.servers.function_calls import FILE
from local.servers.loopback import is_responding
from local.servers.processes import Processes
from local.servers.server import Server

READY = 30.0


def get_calls_file(directory: Path) -> Path:
    """Return the file in which functions record their calls to AWS, for the stack in this directory."""
    return directory / "aws" / "calls.jsonl"


class Aws(Server):
    """One MiniStack process. Tests may kill, pause and restart it. A restart loses all data."""

    def __init__(self, directory: Path, processes: Processes | None = None) -> None:
        super().__init__("aws", directory, processes)

    @property
    def url(self) -> str:
        """The endpoint of all services."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start MiniStack and wait until it responds. Its functions run on a Python like that of AWS's runtime."""
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self._directory / "state"),
            "S3_DATA_DIR": str(self._directory / "s3"),
            FILE: str(get_calls_file(self._directory.parent)),
        }
        command = [sys.executable, "-P", ROOT / "local" / "servers" / "aws_server.py", LAMBDA_RUNTIME / "python3.13"]
        environment = make_server_environment(self._directory, settings)
        self._process = self._processes.start(self._name, command, environment, self._directory)
        self._process.wait_until(lambda: is_responding(f"{self.url}/_ministack/health"), READY)
