"""Contenders that convert a batch of stream records to events on Kafka, each in a module that importing initializes.

Each module has a function `prepare`, which takes an event and returns the function to be measured. That function fails
unless every event is acknowledged. Brokers and topic are environment variables, as in the function. All contenders send
the same keys and values, except that the backfill's events have other ids.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

type Run = Callable[[], object]
"""Processes one batch, from its first record to its last acknowledgement."""

type Handler = Callable[[Any, Any], object]

SAFE_PROPERTIES: dict[str, str | bool] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "zstd",
    "partitioner": "murmur2_random",
}
"""The producer's properties for the guarantees that this project gives."""

_DONE: dict[str, list[object]] = {"batchItemFailures": []}


class Context(NamedTuple):
    """The used parts of Lambda's context."""

    function_name: str = "feature-events"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:feature-events"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return 60_000


def make_run(handler: Handler, event: object) -> Run:
    """Make a function that invokes a handler with this parsed event."""
    context = Context()

    def run() -> None:
        response = handler(event, context)
        if response != _DONE:
            raise RuntimeError(f"some events were not delivered: {response}")

    return run
