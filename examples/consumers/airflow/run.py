"""Runs Airflow on this machine with the DAG of this folder, and prints what the tasks of its runs print.

A team has an Airflow already and takes `dags` and `plugins` to it; this program is for trying them.
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


def to_environment(home: Path, kafka: str) -> dict[str, str]:
    """The settings of an Airflow that keeps everything in `home` and listens on the loopback interface only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    consumer = {
        "bootstrap.servers": kafka,
        "group.id": f"example-{home.name}",  # a new Airflow reads from the beginning
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",  # the trigger commits what Airflow has stored
    }
    # An AIRFLOW_ variable of the caller's shell could lead to the database of a real Airflow
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
    """What tasks have logged since the last look; `read` keeps how many bytes of each log have been read."""
    for log in sorted(logs.glob("dag_id=*/run_id=*/task_id=*/attempt=*.log")):  # a run's id begins with its time
        with log.open() as lines:
            lines.seek(read.get(log, 0))
            while (line := lines.readline()).endswith("\n"):
                read[log] = lines.tell()
                yield json.loads(line)


def show(records: Iterable[Mapping[str, Any]]) -> None:
    """Prints what tasks printed, and tells of what they failed by."""
    for record in records:
        if record.get("logger") == "task.stdout":
            print(record["event"], flush=True)
        elif record.get("level") == "error":
            reasons = [each["exc_value"] for each in record.get("error_detail", ())]
            print(record["event"], *reasons, sep=": ", file=sys.stderr)


def run(home: Path, environment: Mapping[str, str], components: dict[str, Process], read: dict[Path, int]) -> str:
    """Starts Airflow's components and shows what its tasks print, until a component ends, whose name is returned."""
    subprocess.run(  # noqa: S603  # Airflow's own
        [AIRFLOW, "db", "migrate"], env=environment, stdout=subprocess.DEVNULL, check=True
    )
    for name, options in COMPONENTS.items():
        with (home / f"{name}.log").open("wb") as log:
            components[name] = subprocess.Popen(  # noqa: S603  # Airflow's own
                [AIRFLOW, name, *options],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this program, which ends them
            )
    while True:
        show(read_task_logs(home / "logs", read))
        for name, process in components.items():
            if process.poll() is not None:
                return name
        time.sleep(LOOK_SECONDS)


def end(processes: Iterable[Process]) -> None:
    """Ends the components one by one; what is left of one after its time goes with its session."""
    for each in processes:
        each.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.wait(END_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.wait()


def main() -> str | None:
    """Runs until SIGTERM or Ctrl-C; returns what went wrong."""
    missing = [name for name in ("KAFKA_BROKER_URL", "SCHEMA_REGISTRY") if not os.environ.get(name)]
    if missing:
        return f"{' and '.join(missing)} must be set"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    components: dict[str, Process] = {}
    read: dict[Path, int] = {}
    with tempfile.TemporaryDirectory(prefix="airflow-") as directory:
        home = Path(directory)
        try:
            print(f"Airflow starts, which takes a while; its logs are in {home}", file=sys.stderr)
            ended = run(home, to_environment(home, os.environ["KAFKA_BROKER_URL"]), components, read)
            log = (home / f"{ended}.log").read_text()
            return f"{log[-TAIL:]}\nAirflow's {ended} ended by itself, for the reason above"
        except KeyboardInterrupt:
            return None
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            end(reversed(components.values()))  # the API server last: a task that still runs reports to it
            show(read_task_logs(home / "logs", read))


if __name__ == "__main__":
    sys.exit(main())
