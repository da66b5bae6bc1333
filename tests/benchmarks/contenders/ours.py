"""This project's handler, as Lambda finds it."""

from feature_events.handler import handler
from tests.benchmarks.contenders import Run, to_run
from tests.benchmarks.stream_events import StreamEvent


def prepare(event: StreamEvent) -> Run:
    """One invocation."""
    return to_run(handler, event.parse())
