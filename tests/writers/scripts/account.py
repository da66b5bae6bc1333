"""What a writer itself says that it wrote: one entry for each record of its tables' streams, in their order.

Tests hold our events to it, so nothing in it is read from a table or a stream.
"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Account:
    """Says what one writer wrote.

    Args:
        writer: its package and version, and the option that decides the item's form.
        made: the call that wrote.
        layout: the table layouts under which its writes are events, in the order in which they are tried.

    """

    def __init__(self, writer: str, made: str, layout: Sequence[dict[str, Any]]) -> None:
        self._head = {"writer": writer, "made": made}
        self._layout = list(layout)
        self._events: list[dict[str, Any]] = []

    def add(  # noqa: PLR0913, PLR0917 -- an event has these parts
        self,
        entity_type: str,
        entity_id: str,
        resource_name: str,
        features: Sequence[str],
        timestamp: datetime | None = None,
        compute_id: str = "",
    ) -> None:
        """A write that is to be an event. Its time is aware; None where the writer writes none."""
        event = {
            "entity_type": entity_type,
            "entity_id": entity_id,
            "resource_name": resource_name,
            "features": list(features),
            "timestamp": to_text(timestamp) if timestamp else None,
            "compute_id": compute_id,
        }
        self._events.append(event)

    def skip(self, reason: str) -> None:
        """A write that is to be no event: `remove`, `other_item` or `no_features`."""
        self._events.append({"skipped": reason})

    def save(self, file: Path) -> None:
        """Writes it as JSON, an event a line."""
        events = ",\n".join(f"    {json.dumps(event)}" for event in self._events)
        layout = ",\n".join(f"    {json.dumps(each)}" for each in self._layout)
        head = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in self._head.items())
        file.write_text(f'{{\n{head},\n  "events": [\n{events}\n  ],\n  "layout": [\n{layout}\n  ]\n}}\n')


def to_text(time: datetime) -> str:
    """A time as an event has it: ISO-8601 in UTC, with milliseconds and `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(write: Callable[[], Account]) -> None:
    """Writes to the local stack, and saves the account in the file that the command line names."""
    write().save(Path(sys.argv[1]))
