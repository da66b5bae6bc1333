"""The local stack: Kafka, a schema registry and AWS on this machine, with nothing installed but Python.

`with Stack() as stack:` gives an ephemeral one for tests and the demo. `make up` and `make down` keep one in the
background, to try things by hand.
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
from local.servers.reaper import read_birth
from local.servers.registry import Registry
from local.steps import Step, Steps

RECORD = "stack.json"
ATTENTION = 0.1
"""Seconds after which it is looked again whether all servers run."""


class StackRecord(NamedTuple):
    """What is written down of a stack that outlives its starter."""

    kafka: str
    registry: str
    aws: str
    processes: tuple[ProcessIdentity, ...]

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """The record in this directory; None where there is none that can be read."""
        try:
            found = json.loads((directory / RECORD).read_text())
            processes = tuple(ProcessIdentity(*each) for each in found["processes"])
            return cls(found["kafka"], found["registry"], found["aws"], processes)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, directory: Path) -> None:
        """Keeps the record in this directory."""
        part = directory / f"{RECORD}.part"
        part.write_text(json.dumps(self._asdict(), indent=2))
        part.replace(directory / RECORD)

    def is_running(self) -> bool:
        """Whether every process of the stack runs."""
        return bool(self.processes) and all(process.is_running() for process in self.processes)


class Stack:
    """Kafka, registry and AWS, started together and ended together.

    Without a directory it gets one of its own, which goes with it; of a stack that ended in an error the logs are kept.
    `beside` is work that needs nothing of the stack's servers and is done while they start.
    """

    def __init__(
        self,
        directory: Path | None = None,
        steps: Steps | None = None,
        beside: Sequence[Callable[["Stack"], object]] = (),
    ) -> None:
        self.directory = directory or _name_ephemeral_directory()
        self.steps = steps or Steps()
        self.processes = Processes(self.directory)
        self.kafka_server = Kafka(self.directory, self.processes)
        self.registry_server = Registry(self.directory, self.processes)
        self.aws_server = Aws(self.directory, self.processes)
        self.clients = AwsClients(self.aws)
        self._beside = beside
        self._is_detached = False

    @property
    def kafka(self) -> str:
        """Bootstrap brokers."""
        return self.kafka_server.bootstrap

    @property
    def registry(self) -> str:
        """Base address of the registry's Confluent interface."""
        return self.registry_server.url

    @property
    def aws(self) -> str:
        """Endpoint of all AWS services."""
        return self.aws_server.url

    def start(self) -> None:
        """Starts everything at once; the first failure ends what has started."""
        self._clear()
        jobs: list[Callable[[], object]] = [self._start_kafka, self._start_registry, self._start_aws]
        with ThreadPoolExecutor(len(jobs) + len(self._beside)) as pool:
            try:
                running: list[Future[object]] = [pool.submit(job) for job in jobs]
                running += [pool.submit(job, self) for job in self._beside]
                for done in wait(running, return_when=FIRST_EXCEPTION).done:
                    done.result()
            except BaseException:
                self.processes.end()
                raise

    def check(self) -> None:
        """Fails where a server has ended by itself, with the end of its log."""
        for server in (*self.kafka_server.brokers, self.registry_server, self.aws_server):
            server.check()

    def attend[T](self, work: Callable[[], T]) -> T:
        """Does work that waits for a server; where one ends, that is told at once, and not that nothing answered."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as error:  # noqa: BLE001 -- told by the thread that waits
                done.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        while not wait([done], ATTENTION).done:
            self.check()
        if done.exception() is not None:
            self.check()
        return done.result()

    def write_record(self) -> StackRecord:
        """Write down the addresses and processes, so that other programs can use the stack or stop it."""
        record = StackRecord(self.kafka, self.registry, self.aws, tuple(self.processes.identities()))
        record.write(self.directory)
        return record

    def detach(self) -> None:
        """Keep the stack running after this program ends."""
        self.write_record()
        self.processes.detach()
        self._is_detached = True

    def stop(self, *, keep_logs: bool = False) -> None:
        """Ends every process and removes all data; with `keep_logs` the logs stay."""
        self.processes.end()
        if keep_logs:
            self.kept_logs.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.kept_logs, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                (self.directory / "logs").rename(self.kept_logs)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def kept_logs(self) -> Path:
        """Where the logs are after an error."""
        return KEPT_LOGS / self.directory.name

    def _clear(self) -> None:
        """Removes what an earlier stack left in this directory, and ends what is left of it."""
        end_recorded(self.directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def _start_kafka(self) -> None:
        artifacts = read_lock(KAFKA_LOCK)
        with self.steps.step("Kafka") as step:
            fetch(artifacts, self._to_progress(step))
            step.go_on("starts")
            self.kafka_server.start()
            step.detail = self.kafka

    def _start_registry(self) -> None:
        (archive,) = read_lock(REGISTRY_LOCK)
        with self.steps.step("schema registry") as step:
            unpack(archive, self._to_progress(step))
            step.go_on("starts")
            self.registry_server.start()
            step.detail = self.registry.removesuffix(urlsplit(self.registry).path)

    def _start_aws(self) -> None:
        with self.steps.step("AWS") as step:
            self.aws_server.start()
            step.detail = self.aws

    def _to_progress(self, step: Step) -> Progress:
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
        is_wanted = isinstance(error, KeyboardInterrupt | SystemExit)
        self.stop(keep_logs=not is_wanted)
        if not is_wanted and self.kept_logs.exists():
            error.add_note(f"logs are kept in {self.kept_logs}")


class RunningStack:
    """A stack that another program started and left running."""

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
        """Fails where one of its processes has ended by itself."""
        for process in self._record.processes:
            if not process.is_running():
                log = self.directory / "logs" / f"{process.name}.log"
                raise LocalError(f"{process.name} has ended; its log is {log}, and `make down` stops the rest")

    @classmethod
    def find(cls, directory: Path, steps: Steps) -> Self | None:
        """The stack of this directory, if all of it runs."""
        record = StackRecord.read(directory)
        return cls(directory, steps, record) if record and record.is_running() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends what was started here; the stack goes on."""
        self.processes.end()


def end_recorded(directory: Path) -> bool:
    """Ends what runs of the stack recorded in this directory; whether there was one."""
    record = StackRecord.read(directory)
    for process in record.processes if record else ():
        process.end()
    return record is not None


def _name_ephemeral_directory() -> Path:
    """A directory for an ephemeral stack, made when it starts; those whose owner was killed are removed first."""
    for stale in EPHEMERAL_STACKS.iterdir() if EPHEMERAL_STACKS.exists() else ():
        pid, _, _ = stale.name.partition("-")
        if pid.isdecimal() and not stale.name.startswith(_to_owner(int(pid))):
            shutil.rmtree(stale, ignore_errors=True)
    return EPHEMERAL_STACKS / f"{_to_owner(os.getpid())}{secrets.token_hex(4)}"


def _to_owner(pid: int) -> str:
    """How the directories of this process begin; another process of the same id has others."""
    birth = hashlib.sha256(str(read_birth(pid)).encode()).hexdigest()[:8]
    return f"{pid}-{birth}-"
