"""A command that is stopped reports this in one line, and leaves no processes or data."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from local.commands.background import LOCK, lock_stack
from local.errors import LocalError
from local.paths import ROOT
from tests.support.command_process import CommandProcess

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes through Linux's /proc")

INTERRUPTED = 130


def test_command__exits_on_ctrl_c_during_its_imports() -> None:
    """It prints one line, not a traceback."""
    with CommandProcess("demo") as demo:
        demo.wait_for_handler(signal.SIGHUP)  # Python itself handles SIGINT at first; SIGHUP's handler is set with ours
        demo.interrupt()
        ended = demo.wait()
    assert ended == ("interrupted; nothing was started\n", INTERRUPTED)
    assert demo.find_remaining_directories() == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("AWS", marks=pytest.mark.long, id="while servers start"),
        pytest.param("create topic", id="during the deployment"),
        pytest.param("ms:", marks=pytest.mark.long, id="during the writes"),
    ],
)
def test_demo__leaves_nothing_after_ctrl_c(moment: str) -> None:
    """It leaves no processes and no data."""
    with CommandProcess("demo") as demo:
        demo.wait_for(moment)
        assert demo.find_processes()
        demo.interrupt()
        ended = demo.wait()
    assert ended.status == INTERRUPTED
    assert ended.output.splitlines()[-1] == "interrupted; everything that was started has been stopped"
    assert "Traceback" not in ended.output
    assert demo.find_remaining_processes() == []
    assert demo.find_remaining_directories() == []


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("create topic", id="before the writes"),
        pytest.param("ms:", marks=pytest.mark.long, id="during the writes"),
    ],
)
def test_demo__reports_that_kafka_was_killed(moment: str) -> None:
    """The error shows the end of Kafka's log, and does not report missing events."""
    with CommandProcess("demo") as demo:
        demo.wait_for(moment)
        (kafka,) = demo.find_processes("kafka.Kafka")
        os.kill(kafka, signal.SIGKILL)
        ended = demo.wait()
    assert ended.status == 1
    assert "error: kafka-0 exited after SIGKILL; kafka-0.log ends with:" in ended.output
    assert "Kafka Server started" in ended.output
    assert ("✓ sam deploy" in ended.output) == (moment == "ms:")  # immediately, not after the deployment
    assert "Traceback" not in ended.output
    assert demo.find_remaining_processes() == []
    for kept in (ROOT / ".local" / "logs").glob(f"{Path(demo.directory_prefix).name}*"):
        shutil.rmtree(kept)


@pytest.mark.parametrize("arguments", [["up"], ["down"], ["demo", "--keep"]], ids=" ".join)
def test_command__fails_while_another_one_runs(arguments: list[str]) -> None:
    """The error names the command that is starting or stopping the stack."""
    with lock_stack("make demo KEEP=1"), CommandProcess(*arguments) as command:
        ended = command.wait()
    holder = f"`make demo KEEP=1` (process {os.getpid()})"
    assert ended == (f"error: {holder} is starting or stopping the local stack; wait until it has finished\n", 1)


def test_lock_stack__is_released(tmp_path: Path) -> None:
    """A failed command releases the lock too."""
    lock = tmp_path / LOCK.name
    with pytest.raises(LocalError, match="on purpose"), lock_stack("make up", lock):
        raise LocalError("on purpose")
    with lock_stack("make down", lock), pytest.raises(LocalError, match="`make down`"), lock_stack("make up", lock):
        pass
