"""The AWS of the local stack: MiniStack's CloudFormation, DynamoDB with streams, Lambda, S3 and logs, and moto's Glue.

The application is deployed to it by the same `sam deploy` as to AWS, so the template is tried and not only read.
"""

import sys
from pathlib import Path

from local.environment import to_server_environment
from local.paths import LAMBDA_RUNTIME, ROOT
from local.servers.function_calls import FILE
from local.servers.processes import Processes
from local.servers.server import Server
from local.servers.web import is_answering

READY = 30.0


def to_calls_file(directory: Path) -> Path:
    """Return the file in which the functions of the stack in this directory record their calls to AWS."""
    return directory / "aws" / "calls.jsonl"


class Aws(Server):
    """One MiniStack process; tests may kill, pause and start it again (it then has forgotten everything)."""

    def __init__(self, directory: Path, processes: Processes | None = None) -> None:
        super().__init__("aws", directory, processes)

    @property
    def url(self) -> str:
        """The endpoint of every service."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts MiniStack and waits until it answers; its functions run on a Python like that of AWS's runtime."""
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(self._directory / "state"),
            "S3_DATA_DIR": str(self._directory / "s3"),
            FILE: str(to_calls_file(self._directory.parent)),
        }
        command = [sys.executable, "-P", ROOT / "local" / "servers" / "aws_server.py", LAMBDA_RUNTIME / "python3.13"]
        environment = to_server_environment(self._directory, settings)
        self._process = self._processes.start(self._name, command, environment, self._directory)
        self._process.wait_until(lambda: is_answering(f"{self.url}/_ministack/health"), READY)
