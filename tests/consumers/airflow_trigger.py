"""Runs in the Airflow example's environment: its trigger, fed by hand; prints what it fires.

Airflow is not among the project's own packages, so a test cannot import the trigger.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import feature_event_trigger
from feature_event_payload import RegistryUnavailable
from feature_event_trigger import FeatureEventReader, FeatureEventTrigger

PAYLOADS: list[dict[str, Any]] = [
    {"event": {"resource_name": "a"}},
    {"event": {"resource_name": "b"}},
    {"unreadable": "no event"},
]


async def stream() -> AsyncIterator[dict[str, Any]]:
    """What the triggerer's shared stream hands on."""
    for each in PAYLOADS:
        yield each


async def fire(*resources: str) -> list[str]:
    """The names of what a trigger fires that Airflow has stored and made again."""
    path, settings = FeatureEventTrigger(topics=["T"], resources=resources).serialize()
    assert path == "feature_event_trigger.FeatureEventTrigger"
    trigger = FeatureEventTrigger(**json.loads(json.dumps(settings)))
    fired = [each.payload async for each in trigger.filter_shared_stream(stream())]
    return [each["event"]["resource_name"] if "event" in each else each["unreadable"] for each in fired]


async def ask() -> int:
    """How often a message was decoded whose schema could be had at the second try only."""
    asked = 0

    def to_payload(*_: object) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RegistryUnavailable("ConnectError")
        return PAYLOADS[0]

    feature_event_trigger.to_payload = to_payload
    feature_event_trigger.RETRY_SECONDS = 0
    _, settings = FeatureEventTrigger(topics=["T"]).serialize()
    reader = FeatureEventTrigger.create_shared_stream_producer(settings)
    assert isinstance(reader, FeatureEventReader)
    assert await reader._decode(None, None) == PAYLOADS[0]  # noqa: SLF001  # the part that waits
    return asked


async def main() -> None:
    """Prints one line of JSON."""
    print(json.dumps({"all": await fire(), "a": await fire("a"), "asked": await ask()}))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    asyncio.run(main())
