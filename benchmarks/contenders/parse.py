"""The yardstick: `json.loads` of the event's text, which Lambda's runtime does before any handler sees it."""

import json

from benchmarks.contenders import Run
from benchmarks.stream_events import StreamEvent


def prepare(event: StreamEvent) -> Run:
    """Parses the text and drops the result."""
    return lambda: json.loads(event.text)
