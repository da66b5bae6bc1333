"""A writer's report of what it wrote, with one entry for each stream record in order.

Tests compare our events with the report, so it must not be read from a table or a stream.
"""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Account:
    """The report of one writer.

    Args:
        writer: its package and version, and the option that determines the item's form.
        made: the calls that wrote the items.
        layout: the table layouts for its tables, in the order in which they are tried.

    """

    def __init__(self, writer: str, made: str, layout: Sequence[dict[str, Any]]) -> None:
        self._head = {"writer": writer, "made": made}
        self._layout = list(layout)
        self._events: list[dict[str, Any]] = []

    def add(  # noqa: PLR0913, PLR0917 -- the fields of an event
        self,
        entity_type: str,
        entity_id: str,
        resource_name: str,
        features: Sequence[str],
        timestamp: datetime | None = None,
        compute_id: str = "",
    ) -> None:
        """Add a write that produces an event. The timestamp has a time zone, and is None if the writer writes none."""
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
        """Add a write that is skipped as `remove`, `other_item` or `no_features`."""
        self._events.append({"skipped": reason})

    def save(self, file: Path) -> None:
        """Write the report as JSON, with one event per line."""
        events = ",\n".join(f"    {json.dumps(event)}" for event in self._events)
        layout = ",\n".join(f"    {json.dumps(each)}" for each in self._layout)
        head = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in self._head.items())
        file.write_text(f'{{\n{head},\n  "events": [\n{events}\n  ],\n  "layout": [\n{layout}\n  ]\n}}\n')


def to_text(time: datetime) -> str:
    """Convert a time to the format in events: ISO-8601 in UTC, with milliseconds and `Z`."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def run(write: Callable[[], Account]) -> None:
    """Run a writer on the local stack, and save its report to the file that the first argument names."""
    write().save(Path(sys.argv[1]))
