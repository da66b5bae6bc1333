"""The function in a process of its own, as an execution environment is one: events in, answers out."""

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

from feature_events.handler import handler
from tests.support.doubles import FakeContext


def read_status(name: str) -> int:
    """A figure of this process by the kernel's name, in KiB."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def limit_memory(kibibytes: int) -> list[bytearray]:
    """Leaves this process so much memory, besides odds and ends, as long as the answer is kept."""
    most = read_status("VmData") * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    # What it has and does not use is no certain amount, so all of it is taken first
    taken: list[bytearray] = []
    for size in (64, 4, 1):
        with contextlib.suppress(MemoryError):
            while True:
                taken.append(bytearray(size * 1024))
    while kibibytes > 0 and taken:
        kibibytes -= len(taken.pop(0)) // 1024
    return taken


def answer(event: dict[str, Any]) -> Any:  # noqa: ANN401  # the handler's answer is JSON
    """The handler's answer, or its error; to no event, the most memory used so far."""
    if not event:
        # Not getrusage's, in which the program that started this one counts
        return {"kibibytes": read_status("VmHWM")}
    taken = limit_memory(event.pop("kibibytes")) if "kibibytes" in event else []
    try:
        return handler(event, FakeContext(event.pop("milliseconds", 60_000)))  # type: ignore[arg-type]  # the double
    except Exception as error:  # noqa: BLE001  # as the runtime interface does
        return {"errorType": type(error).__name__, "errorMessage": str(error)}
    finally:
        taken.clear()


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"answer {json.dumps(answer(json.loads(line)))}\n")
        sys.stdout.flush()
