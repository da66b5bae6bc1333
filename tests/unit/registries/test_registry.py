"""Versions are read several at once, whichever registry has them."""

import threading

import pytest

from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.glue import GlueRegistry
from feature_events.registries.registry import read_all
from feature_events.settings.settings import read_settings
from tests.support.glue import to_glue_settings
from tests.support.web_server import Answer, ScriptedServer

AT_ONCE = 8


def test_read_all__reads_several_at_once_and_keeps_their_order() -> None:
    """None of these ends before all have begun."""
    barrier = threading.Barrier(AT_ONCE)

    def read(number: int) -> int:
        barrier.wait(timeout=10)
        return number

    assert read_all(read, range(2 * AT_ONCE)) == [*range(2 * AT_ONCE)]


def test_read_versions__reads_several_at_once(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """One after the other, a hundred answers of 90 ms would take longer than a start has."""
    barrier = threading.Barrier(AT_ONCE)
    numbers = [*range(1, AT_ONCE + 1)]

    def read_text(_: ConfluentRegistry, number: int) -> str:
        barrier.wait(timeout=10)
        return str(number)

    def read(_: GlueRegistry, version: int | str) -> dict[str, object]:
        if version == "latest":
            version = AT_ONCE + 1
        else:
            barrier.wait(timeout=10)
        return {"VersionNumber": version, "SchemaDefinition": str(version), "Status": "AVAILABLE"}

    monkeypatch.setattr(ConfluentRegistry, "_read_text", read_text)
    monkeypatch.setattr(GlueRegistry, "_read", read)
    server.script = [Answer.of(200, numbers)]
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url})
    expected = {number: str(number) for number in numbers}
    assert ConfluentRegistry(settings).read_versions() == expected
    assert GlueRegistry(to_glue_settings()).read_versions() == {**expected, AT_ONCE + 1: str(AT_ONCE + 1)}
