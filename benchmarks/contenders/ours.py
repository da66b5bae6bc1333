"""The handler of this project, as Lambda imports it."""

from benchmarks.contenders import Run, make_run
from benchmarks.stream_events import StreamEvent
from feature_events.handler import handler


def prepare(event: StreamEvent) -> Run:
    """Prepare an invocation."""
    return make_run(handler, event.parse())
