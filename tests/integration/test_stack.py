"""The local stack runs real servers, listens only on loopback, and leaves nothing behind."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from local.application import deployment
from local.errors import LocalError
from local.paths import ROOT
from local.servers import reaper
from local.servers.kafka import Kafka
from local.servers.processes import Processes
from local.servers.stack import RunningStack, Stack, StackRecord, end_recorded
from local.servers.topic import create_topic
from tests.support.web_client import read_json

if TYPE_CHECKING:
    from confluent_kafka import Message

LISTENING = "0A"
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
FUNCTION_CODE = """
import importlib.util, sys
def handler(event, context):
    return {name: importlib.util.find_spec(name) is not None for name in ("boto3", "confluent_kafka", "ministack")}
"""


def read_sockets(session: int) -> set[str]:
    """Return the inodes of the sockets of a session's processes."""
    sockets = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                links = [str(each.readlink()) for each in (process / "fd").iterdir()]
                sockets |= {link[8:-1] for link in links if link.startswith("socket:[")}
        except OSError:
            continue
    return sockets


def read_listening_addresses(sessions: list[int]) -> set[str]:
    """Return the addresses on which the processes of these sessions listen, in the kernel's hexadecimal form."""
    inodes = set().union(*(read_sockets(session) for session in sessions))
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == LISTENING and row[9] in inodes}


def read_values(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """Read the first values of a topic's partition 0."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()


def test_stack__runs_kafka_registry_and_aws(stack: RunningStack, topic: Callable[..., str]) -> None:
    """Kafka stores a record, the registry has Confluent's default compatibility, and S3 responds."""
    name = topic()
    producer = Producer({"bootstrap.servers": stack.kafka})
    producer.produce(name, b"value")
    assert producer.flush(20) == 0
    assert read_values(stack.kafka, name, 1) == [b"value"]
    assert read_json(f"{stack.registry}/config") == {"compatibilityLevel": "BACKWARD"}
    assert stack.clients.s3.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's list of sockets")
def test_stack__listens_on_loopback_only(stack: RunningStack) -> None:
    """Other machines cannot reach any port of the stack."""
    record = StackRecord.read(stack.directory)
    assert record is not None
    addresses = read_listening_addresses([identity.pid for identity in record.processes])
    assert addresses
    assert addresses <= LOOPBACK


def test_stack__runs_functions_with_the_packages_of_the_lambda_runtime(stack: RunningStack) -> None:
    """A function can import the packages of AWS's runtime, but not this project's tools."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("sample.py", FUNCTION_CODE)
    stack.clients.functions.create_function(
        FunctionName="sample",
        Runtime="python3.13",
        Handler="sample.handler",
        Role="arn:aws:iam::000000000000:role/sample",
        Code={"ZipFile": archive.getvalue()},
    )
    answer = stack.clients.functions.invoke(FunctionName="sample")["Payload"].read()
    assert json.loads(answer) == {"boto3": True, "confluent_kafka": False, "ministack": False}


def test_deployment__passes_parameters_unchanged(stack: RunningStack) -> None:
    """A parameter with quotes, commas and spaces reaches the function unchanged."""
    properties = '{"client.id": "a, b=c", "statistics.interval.ms": 0}'
    deployed = deployment.deploy(stack, {"KafkaProperties": properties, "TopicName": "other-topic"})
    found = stack.clients.functions.get_function_configuration(FunctionName=deployed.function)
    variables = found["Environment"]["Variables"]
    assert variables["KAFKA_PROPERTIES"] == properties
    assert variables["TOPIC_NAME"] == "other-topic"
    assert variables["KAFKA_BROKER_URL"] == stack.kafka


def test_deployment__reports_the_first_failure(stack: RunningStack) -> None:
    """The error contains the resource and the reason, not the rollback."""
    with pytest.raises(LocalError, match="sam-deploy failed") as raised:
        deployment.deploy(stack, {"SchemaRegistry": "http://127.0.0.1:9"}, "failing")
    error, log = str(raised.value).splitlines()
    assert re.match(r"sam-deploy failed: \w+ \(\S+\) CREATE_FAILED: .*127\.0\.0\.1:9", error)
    assert log == "  see sam-deploy.log for the full output"


def test_stack__stops_everything_after_an_exception() -> None:
    """All processes end, the data is removed, and the logs are kept."""
    failing = Stack()
    with pytest.raises(RuntimeError, match="on purpose") as raised, failing:
        raise RuntimeError("on purpose")
    identities = [process.identity for process in failing.processes.started]
    assert {"kafka-0", "registry", "aws"} <= {identity.name for identity in identities}
    assert [identity.name for identity in identities if identity.is_running()] == []
    assert not failing.directory.exists()
    assert raised.value.__notes__ == [f"the logs are in {failing.kept_logs}"]
    assert {"kafka-0.log", "registry.log", "aws.log"} <= {log.name for log in failing.kept_logs.iterdir()}
    shutil.rmtree(failing.kept_logs)


def test_processes__end_if_their_owner_is_killed(tmp_path: Path) -> None:
    """The processes of a killed program do not outlive it."""
    code = (
        "import pathlib, sys, time; from local.servers.processes import Processes\n"
        "print(Processes(pathlib.Path(sys.argv[1])).start('sleep', ['/bin/sleep', '60'], {}).pid, flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:  # noqa: S603 -- the code above
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert reaper.read_start_time(pid) is not None
        owner.kill()
    processes = Processes(tmp_path)
    try:
        waiting = processes.start("wait", ["/bin/sleep", "60"], {})
        waiting.wait_until(lambda: reaper.read_start_time(pid) is None, limit=10)
    finally:
        processes.end()


def test_suspended_process__is_resumed_if_the_program_is_killed(tmp_path: Path) -> None:
    """A killed program does not leave a server suspended forever."""
    code = (
        "import pathlib, sys, time; from local.servers.processes import Processes, ProcessIdentity\n"
        "with Processes(pathlib.Path(sys.argv[1])).suspend(ProcessIdentity('sleep', int(sys.argv[2]), sys.argv[3])):\n"
        "    print(flush=True); time.sleep(60)"
    )
    processes = Processes(tmp_path)
    try:
        sleep = processes.start("sleep", ["/bin/sleep", "60"], {})
        command = [sys.executable, "-c", code, str(tmp_path), *map(str, sleep.identity[1:])]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 -- the code above
            assert program.stdout is not None
            program.stdout.readline()
            assert sleep.identity.is_suspended()
            program.kill()
        sleep.wait_until(lambda: not sleep.identity.is_suspended(), limit=10)
    finally:
        processes.end()


def test_process__reports_how_it_failed(tmp_path: Path) -> None:
    """The error of a program that exits too early contains its status and the end of its log."""
    processes = Processes(tmp_path)
    try:
        failing = processes.start("broken", ["/bin/sh", "-c", "echo no such setting; exit 3"], {})
        with pytest.raises(LocalError, match=r"(?s)broken exited with status 3 .*broken\.log .*no such setting"):
            failing.wait_until(lambda: False, limit=10)
    finally:
        processes.end()


@pytest.mark.parametrize("text", ["", "not JSON", "[]", '{"processes": [["kafka"]]}'])
def test_stack_record__ignores_an_invalid_file(tmp_path: Path, text: str) -> None:
    """An invalid record is treated as a missing one."""
    (tmp_path / "stack.json").write_text(text)
    assert StackRecord.read(tmp_path) is None
    assert not end_recorded(tmp_path)


def test_end_recorded__spares_a_process_with_a_reused_id(tmp_path: Path) -> None:
    """The record of a former stack does not end other processes."""
    processes = Processes(tmp_path)
    try:
        innocent = processes.start("innocent", ["/bin/sleep", "60"], {})
        stale = innocent.identity._replace(started_at="another-boot:1")
        StackRecord("", "", "", (stale,)).write(tmp_path)
        assert end_recorded(tmp_path)
        assert innocent.is_running()
    finally:
        processes.end()


def test_kafka__does_not_respond_while_it_is_paused(tmp_path: Path) -> None:
    """A paused broker acknowledges nothing until it is resumed."""
    problems: list[KafkaError | None] = []

    def remember(problem: KafkaError | None, _: "Message") -> None:
        problems.append(problem)

    with Kafka(tmp_path) as kafka:
        create_topic(kafka.bootstrap, "paused", 1)
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 1500})
        producer.list_topics("paused", timeout=10)
        kafka.pause()
        producer.produce("paused", b"lost", on_delivery=remember)
        producer.flush(10)
        kafka.resume()
        producer.produce("paused", b"kept", on_delivery=remember)
        producer.flush(20)
    codes = [problem and problem.code() for problem in problems]
    assert codes == [KafkaError._MSG_TIMED_OUT, None]  # noqa: SLF001 -- the client's own constant
