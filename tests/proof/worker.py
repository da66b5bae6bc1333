"""The function in a process of its own, as an execution environment is one: events in, answers out."""

import json
import sys
from pathlib import Path
from typing import Any

from feature_events.handler import handler
from tests.support.doubles import FakeContext


def answer(event: dict[str, Any]) -> Any:  # noqa: ANN401  # the handler's answer is JSON
    """The handler's answer, or its error; to no event, the most memory used so far."""
    if not event:
        # Not getrusage's, in which the program that started this one counts
        [peak] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
        return {"kibibytes": int(peak)}
    try:
        return handler(event, FakeContext(event.pop("milliseconds", 60_000)))  # type: ignore[arg-type]  # the double
    except Exception as error:  # noqa: BLE001  # as the runtime interface does
        return {"errorType": type(error).__name__, "errorMessage": str(error)}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"answer {json.dumps(answer(json.loads(line)))}\n")
        sys.stdout.flush()
