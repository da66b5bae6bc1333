"""Run a built function with the real Lambda runtime interface, without containers.

The emulator of AWS's images (aws-lambda-rie, part of the aws-sam-cli package) and AWS's runtime client import and call
the handler. The interpreter has only the packages of AWS's runtime, so a package missing from the layer fails.
"""

import http.client
import importlib.util
import json
import os
import platform
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from local.environment import make_server_environment
from local.errors import LocalError
from local.paths import LAMBDA_RUNTIME
from local.servers.loopback import reserve_port
from local.servers.processes import Process, Processes

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
START_SECONDS = 10.0


def find_emulator() -> Path:
    """Find the emulator for this machine in the installed aws-sam-cli."""
    package = importlib.util.find_spec("samcli")
    if package is None or package.origin is None:
        raise LocalError("aws-sam-cli is not installed")
    architecture = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return Path(package.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{architecture}"


class RuntimeInterface:
    """One execution environment: the directories of the function and its layer, the handler's name and its settings.

    Modules are searched in Lambda's order: the function, the layer, Python's library, and the runtime's packages. The
    first invocation imports the handler's module. `runtime` is the bin directory of the runtime's Python.
    """

    def __init__(  # noqa: PLR0913
        self,
        code: Path,
        layer: Path,
        handler: str,
        env: Mapping[str, str],
        *,
        timeout: int = 60,
        memory: int = 512,
        runtime: Path = LAMBDA_RUNTIME,
    ) -> None:
        self._code = code.absolute()
        self._layer = layer.absolute() / "python"
        self._handler = handler
        self._settings = dict(env)
        self._timeout = timeout
        self._memory = memory
        self._runtime = runtime
        self._port = reserve_port()
        self._running: Process | None = None
        self._resources = ExitStack()
        self._log = ""

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            home = Path(resources.enter_context(TemporaryDirectory(prefix="runtime-interface-")))
            processes = Processes(home)
            resources.callback(processes.end)
            environment = make_server_environment(home, self._make_lambda_environment())
            self._running = processes.start("function", self._make_command(), environment, cwd=self._code)
            self._running.wait_until(self._is_listening, START_SECONDS)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._log = self.log()
        self._running = None
        self._resources.close()

    def invoke(self, event: object) -> Any:  # noqa: ANN401
        """Invoke the handler, and return its response, or Lambda's error with errorType and errorMessage."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout + START_SECONDS)
        try:
            connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(event))
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        try:
            return json.loads(text)
        except ValueError:
            raise LocalError(f"the runtime interface returned {text!r}; its log:\n{self.log()}") from None

    def log(self) -> str:
        """Return the output of the function and the emulator."""
        return self._running.output() if self._running else self._log

    def _make_command(self) -> list[str | Path]:
        return [
            *(find_emulator(), "--log-level", "error"),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
            *("--runtime-api-address", f"127.0.0.1:{reserve_port()}"),
            *(self._runtime / PYTHON, "-m", "awslambdaric", self._handler),
        ]

    def _make_lambda_environment(self) -> dict[str, str]:
        path = [self._code, self._layer / "lib" / PYTHON / "site-packages", self._layer]
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._memory),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._timeout),
            "LAMBDA_TASK_ROOT": str(self._code),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            # A layer is read-only in Lambda, so no bytecode is written
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._settings,
        }

    def _is_listening(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0
