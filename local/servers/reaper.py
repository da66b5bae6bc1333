"""Ends the processes of a stack whose owner has died without ending them.

An owner that is killed outright cannot tidy up. This small program, which the owner starts first, holds the other end
of a pipe: when the pipe closes, the owner is gone, and what it asked to be watched is ended. Standard library only, and
nothing of this project, so that it starts at once.

Lines on standard input: `watch PID BIRTH`, where BIRTH keeps a reused process id from being taken for the watched one,
and `release`, after which nothing is ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def read_birth(pid: int) -> str | None:
    """When the process of this id was started, as text that no other process of that id shares; None without one."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] == "Z" else f"{boot}:{fields[19]}"
    asked = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "_".join(asked.stdout.split()) or None


def end(pid: int, birth: str) -> None:
    """Kills the process group that this process leads, if it is still the same process."""
    if read_birth(pid) == birth:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Watches until the pipe closes."""
    watched: dict[int, str] = {}
    for line in sys.stdin:
        match line.split():
            case ["watch", pid, birth]:
                watched[int(pid)] = birth
            case ["release"]:
                return
            case _:
                pass
    for pid, birth in watched.items():
        end(pid, birth)


if __name__ == "__main__":
    main()
