"""Measures memory: the peak for the largest batches, and whether any is kept from one invocation to the next."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.environments import Environment, Environments
from benchmarks.growth import Sample
from benchmarks.programs import run_to_end, to_command
from benchmarks.stream_events import to_stream_event
from benchmarks.worker import to_settings

LARGEST = (3, 100)
"""Features of the batches that fill an event: the most records, and the most names."""
INVOCATIONS = 10_000


class Peak(NamedTuple):
    """The most memory that was resident with the largest batch of these records, in MiB."""

    name: str
    features: int
    records: int
    started_mib: float
    peak_mib: float


class Growth(NamedTuple):
    """Memory after the warm-up and at the end."""

    invocations: int
    resident_before_mib: float
    resident_after_mib: float
    blocks_before: int
    blocks_after: int


def measure_peaks(environments: Environments, brokers: str) -> list[Peak]:
    """Ours, the usual set, and the event alone: parsed, and handled by nobody."""
    ways: dict[str, tuple[Environment, str]] = {
        "event": (environments.ours, "-"),
        "ours": (environments.ours, "feature_events.handler"),
        "usual": (environments.usual, "benchmarks.contenders.usual_set"),
    }
    peaks = []
    with TemporaryDirectory(prefix="events-") as directory:
        for features in LARGEST:
            event = to_stream_event(features)
            file = Path(directory) / f"{features}.json"
            file.write_text(event.text)
            for name, (environment, module) in ways.items():
                started = environment.start(module, to_settings(brokers), file)
                peak = Peak(name, features, event.records, started.started_kib / 1024, started.peak_kib / 1024)
                peaks.append(peak)
    return peaks


def measure_growth(brokers: str) -> Growth:
    """Memory over ten thousand invocations, after a tenth of them."""
    command = to_command("growth", str(INVOCATIONS), str(INVOCATIONS // 10))
    before, after = (Sample(*each) for each in json.loads(run_to_end(command, to_settings(brokers)).text))
    return Growth(INVOCATIONS, before.resident_kib / 1024, after.resident_kib / 1024, before.blocks, after.blocks)
