"""The reference: `json.loads` of the event's text, which Lambda's runtime calls before the handler."""

import json

from benchmarks.contenders import Run
from benchmarks.stream_events import StreamEvent


def prepare(event: StreamEvent) -> Run:
    """Prepare the parsing of the text."""
    return lambda: json.loads(event.text)
