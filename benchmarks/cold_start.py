"""Measure starts in new processes, in turns: a bare interpreter, this function, and the usual set.

A start consists of the imports, the settings, the pinned schema id and the producer. This function also waits until it
has found its topic.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.environments import NO_AWS, Environment, Environments, install
from benchmarks.stream_events import make_stream_event
from benchmarks.worker import make_settings
from tests.support.runtime_interface import RuntimeInterface

ROUNDS = 9
_IAM = {"KAFKA_AUTH": "iam"}
_RIE_ROUNDS = 5


class Start(NamedTuple):
    """The milliseconds of a start beyond a bare interpreter, and the resident memory after it."""

    name: str
    cpu_ms: float
    wall_ms: float
    started_mib: float


class FirstInvocation(NamedTuple):
    """The milliseconds of the first event, including the start, and of a later one, with the runtime interface."""

    name: str
    first_ms: float
    first_worst_ms: float
    """The maximum, which shows occasional waits."""
    later_ms: float


def measure_starts(environments: Environments, brokers: str, progress: Callable[[str], None]) -> list[Start]:
    """Measure the minimum of many starts of each kind. That of the bare interpreter includes everything."""
    ours, usual = environments
    plain = make_settings(brokers)
    # A port without a listener, because only the token is measured
    iam = make_settings("127.0.0.1:9") | _IAM
    ways: dict[str, tuple[Environment, str, Mapping[str, str]]] = {
        "bare": (ours, "-", plain),
        "ours": (ours, "feature_events.handler", plain),
        "usual": (usual, "benchmarks.contenders.usual_set", plain),
        "ours_iam": (ours, "benchmarks.contenders.ours_unconnected", iam),
        "usual_iam": (usual, "benchmarks.contenders.usual_set", iam),
    }
    starts: dict[str, Start] = {}
    for turn in range(ROUNDS):
        progress(f"starts, round {turn + 1} of {ROUNDS}")
        for name, (environment, module, settings) in ways.items():
            took = environment.start(module, settings)
            cpu = took.bare_cpu if name == "bare" else took.cpu
            start = Start(name, cpu * 1e3, took.wall * 1e3, took.started_kib / 1024)
            best = starts.setdefault(name, start)
            starts[name] = Start(name, *(min(pair) for pair in zip(best[1:], start[1:], strict=True)))
    return list(starts.values())


def measure_first_invocations(environments: Environments, brokers: str) -> list[FirstInvocation]:
    """Measure the first event of the built functions with the runtime interface emulator of AWS's images."""
    event = make_stream_event(20, 100).parse()
    ways = {
        "ours": (environments.ours, "feature_events.handler.handler"),
        "usual": (environments.usual, "benchmarks.contenders.usual_set.handler"),
    }
    found: dict[str, FirstInvocation] = {}
    for _ in range(_RIE_ROUNDS):
        for name, (environment, handler) in ways.items():
            settings = {**NO_AWS, **make_settings(brokers)}
            with RuntimeInterface(environment.code, environment.layer, handler, settings) as running:
                times = [_time_ms(running, event) for _ in range(4)]
            best = found.get(name, FirstInvocation(name, times[0], times[0], times[-1]))
            found[name] = FirstInvocation(
                name,
                first_ms=min(best.first_ms, times[0]),
                first_worst_ms=max(best.first_worst_ms, times[0]),
                later_ms=min(best.later_ms, *times[1:]),
            )
    return list(found.values())


def compare_releases(brokers: str, progress: Callable[[str], None]) -> dict[str, float]:
    """Measure the import of confluent_kafka and the creation of a producer, in milliseconds of CPU by release."""
    found: dict[str, float] = {}
    with TemporaryDirectory(prefix="releases-") as name:
        environments = {}
        for release in ("2.15.*", "2.16.*"):
            layer = Path(name) / release.strip(".*")
            install(layer / "python", f"confluent-kafka=={release}")
            environments[release] = Environment(layer, layer)
        for turn in range(ROUNDS):
            progress(f"releases, round {turn + 1} of {ROUNDS}")
            for release, environment in environments.items():
                took = environment.start("benchmarks.contenders.producer_alone", make_settings(brokers)).cpu * 1e3
                found[release] = min(found.get(release, took), took)
    return found


def _time_ms(running: RuntimeInterface, event: object) -> float:
    start = time.perf_counter()
    response = running.invoke(event)
    took = (time.perf_counter() - start) * 1e3
    if response != {"batchItemFailures": []}:
        raise RuntimeError(f"the function returned {response}:\n{running.log()}")
    return took
