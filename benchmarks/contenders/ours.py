"""This project's handler, as Lambda finds it."""

from benchmarks.contenders import Run, to_run
from benchmarks.stream_events import StreamEvent
from feature_events.handler import handler


def prepare(event: StreamEvent) -> Run:
    """One invocation."""
    return to_run(handler, event.parse())
