"""Whatever stops a command of the local stack, one line says so, and nothing is left."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from local.commands.exclusive import LOCK, hold
from local.errors import LocalError
from local.paths import ROOT
from tests.support.command_process import CommandProcess

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in Linux's /proc")

INTERRUPTED = 130


def test_command__says_that_nothing_was_started() -> None:
    """Ctrl-C while a command still imports what it needs: one line, and no traceback out of the middle of it."""
    with CommandProcess("demo") as demo:
        demo.wait_for_handler(signal.SIGHUP)  # SIGINT's is Python's own at first; this one comes with it
        demo.interrupt()
        ended = demo.wait()
    assert ended == ("interrupted; nothing was started\n", INTERRUPTED)
    assert demo.leftovers() == []


@pytest.mark.parametrize(
    "moment", ["AWS", "topic", "ms:"], ids=["while servers start", "while it deploys", "while it writes"]
)
def test_demo__leaves_nothing_after_ctrl_c(moment: str) -> None:
    """One line at the end, no process, so nothing that listens, and no data."""
    with CommandProcess("demo") as demo:
        demo.wait_for(moment)
        assert demo.find_processes()
        demo.interrupt()
        ended = demo.wait()
    assert ended.status == INTERRUPTED
    assert ended.output.splitlines()[-1] == "interrupted; what was started is stopped"
    assert "Traceback" not in ended.output
    assert demo.find_left() == []
    assert demo.leftovers() == []


@pytest.mark.parametrize("moment", ["topic", "ms:"], ids=["before the writes", "during the writes"])
def test_demo__says_that_kafka_has_ended(moment: str) -> None:
    """Not that events are missing: which server has ended and how, with the end of its log."""
    with CommandProcess("demo") as demo:
        demo.wait_for(moment)
        (kafka,) = demo.find_processes("kafka.Kafka")
        os.kill(kafka, signal.SIGKILL)
        ended = demo.wait()
    assert ended.status == 1
    assert "error: kafka-0 has ended, by SIGKILL; kafka-0.log ends with:" in ended.output
    assert "Kafka Server started" in ended.output
    assert ("✓ sam deploy" in ended.output) == (moment == "ms:")  # at once, and not when the deployment is done
    assert "Traceback" not in ended.output
    assert demo.find_left() == []
    for kept in (ROOT / ".local" / "logs").glob(f"{Path(demo.directory_prefix).name}*"):
        shutil.rmtree(kept)


@pytest.mark.parametrize("arguments", [["up"], ["down"], ["demo", "--keep"]], ids=" ".join)
def test_command__waits_for_no_other(arguments: list[str]) -> None:
    """While one command starts or stops the stack, another ends with a line that names it, and touches nothing."""
    with hold("make demo KEEP=1"), CommandProcess(*arguments) as command:
        ended = command.wait()
    who = f"`make demo KEEP=1` (process {os.getpid()})"
    assert ended == (f"error: {who} is starting or stopping the local stack: wait until it is done\n", 1)


def test_hold__lets_go(tmp_path: Path) -> None:
    """After one command the next has its turn, also where the first has failed."""
    lock = tmp_path / LOCK.name
    with pytest.raises(LocalError, match="on purpose"), hold("make up", lock):
        raise LocalError("on purpose")
    with hold("make down", lock), pytest.raises(LocalError, match="`make down`"), hold("make up", lock):
        pass
