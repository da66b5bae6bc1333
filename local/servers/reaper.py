"""End the processes of a stack whose owner was killed, and resume those that it suspended.

The owner starts this program before the processes, and writes to its standard input. When the input closes, the owner
has exited, and this program kills the watched processes and resumes the suspended ones. It imports only the standard
library, so that it starts fast.

| line of input | effect |
|---|---|
| `watch PID START` | Watch a process. START distinguishes it from a later process with the same id |
| `resume PID START` | Resume a process of another owner when the input closes |
| `release` | Exit without killing any process |
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def read_start_time(pid: int) -> str | None:
    """Return the start time of a process, or None if it is not running.

    The text also identifies the boot of the system, so it is unique among all processes with this id.
    """
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] == "Z" else f"{boot}:{fields[19]}"
    listed = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "_".join(listed.stdout.split()) or None


def send(number: signal.Signals, pid: int, started_at: str) -> None:
    """Send a signal to the process group of this process, unless the process has exited and its id was reused."""
    if read_start_time(pid) == started_at:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)


def main() -> None:
    """Read the input until it closes, and then kill the watched processes and resume the suspended ones."""
    watched: dict[int, str] = {}
    suspended: dict[int, str] = {}
    for line in sys.stdin:
        match line.split():
            case ["watch", pid, started_at]:
                watched[int(pid)] = started_at
            case ["resume", pid, started_at]:
                suspended[int(pid)] = started_at
            case ["release"]:
                return
            case _:
                pass
    for pid, started_at in watched.items():
        send(signal.SIGKILL, pid, started_at)
    for pid, started_at in suspended.items():
        send(signal.SIGCONT, pid, started_at)


if __name__ == "__main__":
    main()
