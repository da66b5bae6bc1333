"""Run Airflow on this machine with the DAG of this directory, and print the output of its tasks.

This program is only for trying the example. To use it, copy `dags` and `plugins` to your Airflow.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AIRFLOW = HERE / ".venv" / "bin" / "airflow"
COMPONENTS = {
    "api-server": ("--apps", "execution"),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
LOOK_SECONDS = 0.5
END_SECONDS = 20.0
TAIL = 4000

type Process = subprocess.Popen[bytes]


def make_environment(home: Path, kafka: str) -> dict[str, str]:
    """Make the settings of an Airflow that stores everything in `home` and listens only on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    consumer = {
        "bootstrap.servers": kafka,
        "group.id": f"example-{home.name}",  # a new group, which reads from the beginning
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",  # the trigger commits events once Airflow has stored them
    }
    # An AIRFLOW_ variable of the caller's shell could point to the database of a real Airflow
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **kept,
        "PATH": os.pathsep.join([str(AIRFLOW.parent), os.environ.get("PATH", os.defpath)]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_KAFKA_DEFAULT": json.dumps({"conn_type": "kafka", "extra": consumer}),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HERE / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__PARALLELISM": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
    }


def read_task_logs(logs: Path, read: dict[Path, int]) -> Iterator[Mapping[str, Any]]:
    """Yield the new entries of the task logs. `read` stores the number of bytes read from each log."""
    for log in sorted(
        logs.glob("dag_id=*/run_id=*/task_id=*/attempt=*.log")
    ):  # sorted by time, with which a run's id begins
        with log.open() as lines:
            lines.seek(read.get(log, 0))
            while (line := lines.readline()).endswith("\n"):
                read[log] = lines.tell()
                yield json.loads(line)


def show(records: Iterable[Mapping[str, Any]]) -> None:
    """Print the output and the errors of tasks."""
    for record in records:
        if record.get("logger") == "task.stdout":
            print(record["event"], flush=True)
        elif record.get("level") == "error":
            reasons = [each["exc_value"] for each in record.get("error_detail", ())]
            print(record["event"], *reasons, sep=": ", file=sys.stderr)


def run(home: Path, environment: Mapping[str, str], components: dict[str, Process], read: dict[Path, int]) -> str:
    """Start Airflow's components, print the output of tasks until a component exits, and return its name."""
    subprocess.run(  # noqa: S603  # a command of Airflow
        [AIRFLOW, "db", "migrate"], env=environment, stdout=subprocess.DEVNULL, check=True
    )
    for name, options in COMPONENTS.items():
        with (home / f"{name}.log").open("wb") as log:
            components[name] = subprocess.Popen(  # noqa: S603  # a command of Airflow
                [AIRFLOW, name, *options],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only this program, which then stops them
            )
    while True:
        show(read_task_logs(home / "logs", read))
        for name, process in components.items():
            if process.poll() is not None:
                return name
        time.sleep(LOOK_SECONDS)


def end(processes: Iterable[Process]) -> None:
    """Stop the components one by one, and kill what remains after a timeout."""
    for each in processes:
        each.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.wait()


def main() -> str | None:
    """Run until SIGTERM or Ctrl-C, and return an error message if a component fails."""
    missing = [name for name in ("KAFKA_BROKER_URL", "SCHEMA_REGISTRY") if not os.environ.get(name)]
    if missing:
        return f"{' and '.join(missing)} must be set"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    components: dict[str, Process] = {}
    read: dict[Path, int] = {}
    with tempfile.TemporaryDirectory(prefix="airflow-") as directory:
        home = Path(directory)
        try:
            print(f"starting Airflow, which takes a while; logs are in {home}", file=sys.stderr)
            ended = run(home, make_environment(home, os.environ["KAFKA_BROKER_URL"]), components, read)
            log = (home / f"{ended}.log").read_text()
            return f"{log[-TAIL:]}\nAirflow's {ended} has exited; see its log above"
        except KeyboardInterrupt:
            return None
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            end(reversed(components.values()))  # the API server last, because running tasks report to it
            show(read_task_logs(home / "logs", read))


if __name__ == "__main__":
    sys.exit(main())
