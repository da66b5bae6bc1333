"""Versions are read concurrently."""

import threading

import pytest

from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.glue import GlueRegistry
from feature_events.registries.registry import read_all
from feature_events.settings.settings import read_settings
from tests.support.glue import to_glue_settings
from tests.support.web_server import Answer, ScriptedServer

PARALLEL = 8


def test_read_all__reads_concurrently_and_preserves_order() -> None:
    """No read returns before eight have started."""
    barrier = threading.Barrier(PARALLEL)

    def read(number: int) -> int:
        barrier.wait(timeout=10)
        return number

    assert read_all(read, range(2 * PARALLEL)) == [*range(2 * PARALLEL)]


def test_read_versions__reads_concurrently(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """In sequence, a hundred requests of 90 ms would take longer than a start may."""
    barrier = threading.Barrier(PARALLEL)
    numbers = [*range(1, PARALLEL + 1)]

    def read_text(_: ConfluentRegistry, number: int) -> str:
        barrier.wait(timeout=10)
        return str(number)

    def read(_: GlueRegistry, version: int | str) -> dict[str, object]:
        if version == "latest":
            version = PARALLEL + 1
        else:
            barrier.wait(timeout=10)
        return {"VersionNumber": version, "SchemaDefinition": str(version), "Status": "AVAILABLE"}

    monkeypatch.setattr(ConfluentRegistry, "_read_text", read_text)
    monkeypatch.setattr(GlueRegistry, "_read", read)
    server.script = [Answer.of(200, numbers)]
    settings = read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": server.url})
    expected = {number: str(number) for number in numbers}
    assert ConfluentRegistry(settings).read_versions() == expected
    assert GlueRegistry(to_glue_settings()).read_versions() == {**expected, PARALLEL + 1: str(PARALLEL + 1)}
