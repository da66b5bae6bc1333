"""The program of an execution environment: read events from stdin, and write the function's answers to stdout."""

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

from feature_events.handler import handler
from tests.support.doubles import FakeContext


def read_status(name: str) -> int:
    """Return a value of /proc/self/status, in KiB."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def limit_memory(kibibytes: int) -> list[bytearray]:
    """Limit the free memory of this process until the returned list is cleared."""
    most = read_status("VmData") * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    # The amount of allocated but unused memory is unknown, so allocate all of it first
    taken: list[bytearray] = []
    for size in (64, 4, 1):
        with contextlib.suppress(MemoryError):
            while True:
                taken.append(bytearray(size * 1024))
    while kibibytes > 0 and taken:
        kibibytes -= len(taken.pop(0)) // 1024
    return taken


def answer(event: dict[str, Any]) -> Any:  # noqa: ANN401  # the handler's answer is JSON
    """Return the handler's answer or error; for an empty event, the peak memory."""
    if not event:
        # getrusage would include the program that started this one
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
