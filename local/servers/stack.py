"""The local stack: Kafka, a schema registry and AWS on this machine, which need only Python.

`with Stack() as stack:` runs an ephemeral stack for tests and the demo. `make up` and `make down` run one in the
background.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from local.errors import LocalError
from local.paths import EPHEMERAL_STACKS, KEPT_LOGS
from local.servers.aws import Aws
from local.servers.aws_clients import AwsClients
from local.servers.downloads import KAFKA_LOCK, REGISTRY_LOCK, Progress, fetch, read_lock, unpack
from local.servers.kafka import Kafka
from local.servers.processes import Processes, ProcessIdentity
from local.servers.reaper import read_start_time
from local.servers.registry import Registry
from local.steps import Step, Steps

RECORD = "stack.json"
CHECK_SECONDS = 0.1
"""The interval in seconds between checks of the servers."""


class StackRecord(NamedTuple):
    """The stored addresses and processes of a stack, for other programs."""

    kafka: str
    registry: str
    aws: str
    processes: tuple[ProcessIdentity, ...]

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Read the record in this directory, or return None if it is missing or invalid."""
        try:
            found = json.loads((directory / RECORD).read_text())
            processes = tuple(ProcessIdentity(*each) for each in found["processes"])
            return cls(found["kafka"], found["registry"], found["aws"], processes)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, directory: Path) -> None:
        """Write the record to this directory."""
        part = directory / f"{RECORD}.part"
        part.write_text(json.dumps(self._asdict(), indent=2))
        part.replace(directory / RECORD)

    def is_running(self) -> bool:
        """Return whether every process of the stack is running."""
        return bool(self.processes) and all(process.is_running() for process in self.processes)


class Stack:
    """Kafka, a registry and AWS, started and stopped together.

    Without a directory, the stack uses a temporary one. If the stack fails, its logs are kept. `concurrent_work` runs
    while the servers start, and must not need them.
    """

    def __init__(
        self,
        directory: Path | None = None,
        steps: Steps | None = None,
        concurrent_work: Sequence[Callable[["Stack"], object]] = (),
    ) -> None:
        self.directory = directory or _name_ephemeral_directory()
        self.steps = steps or Steps()
        self.processes = Processes(self.directory)
        self.kafka_server = Kafka(self.directory, self.processes)
        self.registry_server = Registry(self.directory, self.processes)
        self.aws_server = Aws(self.directory, self.processes)
        self.clients = AwsClients(self.aws)
        self._concurrent_work = concurrent_work
        self._is_detached = False

    @property
    def kafka(self) -> str:
        """The bootstrap brokers."""
        return self.kafka_server.bootstrap

    @property
    def registry(self) -> str:
        """The base URL of the registry's Confluent interface."""
        return self.registry_server.url

    @property
    def aws(self) -> str:
        """The endpoint of all AWS services."""
        return self.aws_server.url

    def start(self) -> None:
        """Start all servers concurrently. The first failure stops everything."""
        self._clear()
        jobs: list[Callable[[], object]] = [self._start_kafka, self._start_registry, self._start_aws]
        with ThreadPoolExecutor(len(jobs) + len(self._concurrent_work)) as pool:
            try:
                running: list[Future[object]] = [pool.submit(job) for job in jobs]
                running += [pool.submit(job, self) for job in self._concurrent_work]
                for done in wait(running, return_when=FIRST_EXCEPTION).done:
                    done.result()
            except BaseException:
                self.processes.end()
                raise

    def check(self) -> None:
        """Raise an error with the log's end if a server has exited."""
        for server in (*self.kafka_server.brokers, self.registry_server, self.aws_server):
            server.check()

    def run_with_checks[T](self, work: Callable[[], T]) -> T:
        """Run work that waits for a server. If a server exits, raise its error immediately instead of a timeout."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001 -- raised by the waiting thread
                done.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        while not wait([done], CHECK_SECONDS).done:
            self.check()
        if done.exception() is not None:
            self.check()
        return done.result()

    def write_record(self) -> StackRecord:
        """Store the addresses and processes, so that other programs can use or stop the stack."""
        record = StackRecord(self.kafka, self.registry, self.aws, tuple(self.processes.identities()))
        record.write(self.directory)
        return record

    def detach(self) -> None:
        """Keep the stack running after this program ends."""
        self.write_record()
        self.processes.detach()
        self._is_detached = True

    def stop(self, *, keep_logs: bool = False) -> None:
        """Stop every process and delete all data. With `keep_logs`, the logs remain."""
        self.processes.end()
        if keep_logs:
            self.kept_logs.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.kept_logs, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                (self.directory / "logs").rename(self.kept_logs)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def kept_logs(self) -> Path:
        """The directory of the logs after an error."""
        return KEPT_LOGS / self.directory.name

    def _clear(self) -> None:
        """Stop the remaining processes of an earlier stack in this directory, and delete its data."""
        end_recorded(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def _start_kafka(self) -> None:
        artifacts = read_lock(KAFKA_LOCK)
        with self.steps.step("Kafka") as step:
            fetch(artifacts, self._make_progress(step))
            step.begin_phase("starting")
            self.kafka_server.start()
            step.detail = self.kafka

    def _start_registry(self) -> None:
        (archive,) = read_lock(REGISTRY_LOCK)
        with self.steps.step("schema registry") as step:
            unpack(archive, self._make_progress(step))
            step.begin_phase("starting")
            self.registry_server.start()
            step.detail = self.registry.removesuffix(urlsplit(self.registry).path)

    def _start_aws(self) -> None:
        with self.steps.step("AWS") as step:
            self.aws_server.start()
            step.detail = self.aws

    def _make_progress(self, step: Step) -> Progress:
        def count(new: int, announced: int) -> None:
            self.processes.check()
            step.count_bytes(new, announced)

        return count

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException as error:
            self._stop_after(error)
            raise
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self._stop_after(error)
        elif not self._is_detached:
            self.stop()

    def _stop_after(self, error: BaseException) -> None:
        is_failure = not isinstance(error, KeyboardInterrupt | SystemExit)
        self.stop(keep_logs=is_failure)
        if is_failure and self.kept_logs.exists():
            error.add_note(f"the logs are in {self.kept_logs}")


class RunningStack:
    """A running stack that was started elsewhere."""

    def __init__(self, directory: Path, steps: Steps, record: StackRecord) -> None:
        self.directory = directory
        self.steps = steps
        self.processes = Processes(directory)
        self._record = record
        self.clients = AwsClients(record.aws)
        self.kafka = record.kafka
        self.registry = record.registry
        self.aws = record.aws

    def check(self) -> None:
        """Raise an error that names the log of a process that has exited."""
        for process in self._record.processes:
            if not process.is_running():
                log = self.directory / "logs" / f"{process.name}.log"
                raise LocalError(
                    f"{process.name} has died; its log is {log}; start a new stack with `make down` and `make up`"
                )

    @property
    def brokers(self) -> Sequence[ProcessIdentity]:
        """The processes of Kafka."""
        return [process for process in self._record.processes if process.name.startswith("kafka-")]

    @classmethod
    def find(cls, directory: Path, steps: Steps) -> Self | None:
        """Return the stack of this directory, or None unless all of its processes are running."""
        record = StackRecord.read(directory)
        return cls(directory, steps, record) if record and record.is_running() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes that were started here. The stack keeps running."""
        self.processes.end()


def end_recorded(directory: Path) -> bool:
    """Stop the stack recorded in this directory. Return whether there was a record."""
    record = StackRecord.read(directory)
    for process in record.processes if record else ():
        process.end()
    return record is not None


def _name_ephemeral_directory() -> Path:
    """Return the path of a new directory, and remove the directories of stacks whose owner was killed."""
    for stale in EPHEMERAL_STACKS.iterdir() if EPHEMERAL_STACKS.exists() else ():
        pid, _, _ = stale.name.partition("-")
        if pid.isdecimal() and not stale.name.startswith(_make_prefix(int(pid))):
            shutil.rmtree(stale, ignore_errors=True)
    return EPHEMERAL_STACKS / f"{_make_prefix(os.getpid())}{secrets.token_hex(4)}"


def _make_prefix(pid: int) -> str:
    """Return the prefix of this process's directories. Another process with the same id has another prefix."""
    start = hashlib.sha256(str(read_start_time(pid)).encode()).hexdigest()[:8]
    return f"{pid}-{start}-"
