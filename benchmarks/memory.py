"""Measure the memory peak of the largest batches, and the memory growth over many invocations."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.environments import Environment, Environments
from benchmarks.growth import Sample
from benchmarks.programs import make_command, run_to_end
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import make_settings

LARGEST = (3, 100)
"""The numbers of features in the largest events: one with the most records, and one with the most names."""
INVOCATIONS = 10_000


class Peak(NamedTuple):
    """The peak of resident memory in MiB with the largest batch of these records."""

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
    """Measure this function, the usual set, and the parsed event alone."""
    ways: dict[str, tuple[Environment, str]] = {
        "event": (environments.ours, "-"),
        "ours": (environments.ours, "feature_events.handler"),
        "usual": (environments.usual, "benchmarks.contenders.usual_set"),
    }
    peaks = []
    with TemporaryDirectory(prefix="events-") as directory:
        for features in LARGEST:
            event = make_stream_event(features)
            file = Path(directory) / f"{features}.json"
            file.write_text(event.text)
            for name, (environment, module) in ways.items():
                started = environment.start(module, make_settings(brokers), file)
                peak = Peak(name, features, event.records, started.started_kib / 1024, started.peak_kib / 1024)
                peaks.append(peak)
    return peaks


def measure_growth(brokers: str) -> Growth:
    """Measure the memory growth over 10,000 invocations, after a tenth of them."""
    command = make_command("growth", str(INVOCATIONS), str(INVOCATIONS // 10))
    before, after = (Sample(*each) for each in json.loads(run_to_end(command, make_settings(brokers)).text))
    return Growth(INVOCATIONS, before.resident_kib / 1024, after.resident_kib / 1024, before.blocks, after.blocks)
