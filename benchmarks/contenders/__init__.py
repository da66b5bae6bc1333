"""Ways to turn a batch of stream records into events on Kafka, each as a module that importing makes ready.

Each gives `prepare`: an event in, and out of it what is measured, which fails unless every event was acknowledged.
Brokers and topic are settings of the environment, as the function has them. All give the same keys
and values, the backfill but for the ids of its events.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

type Run = Callable[[], object]
"""One batch, from its first record to its last acknowledgement."""

type Handler = Callable[[Any, Any], object]

_DONE: dict[str, list[object]] = {"batchItemFailures": []}


class Context(NamedTuple):
    """Lambda's context, as far as anyone asks for it."""

    function_name: str = "feature-events"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:feature-events"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """What Lambda says is left of the invocation."""
        return 60_000


def to_run(handler: Handler, event: object) -> Run:
    """A handler's invocation with this parsed event."""
    context = Context()

    def run() -> None:
        answer = handler(event, context)
        if answer != _DONE:
            raise RuntimeError(f"not every event was delivered: {answer}")

    return run
