"""Prepare the stored results for the plots. The standard library is enough, so tests need no plotting library."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.pages import round_figure
from benchmarks.soak_run import FIGURES, Figure, SoakRun
from local.paths import ROOT

RESULTS = ROOT / "docs" / "benchmarks" / "results.json"

_RECORDS = 1_000
_CONTENDERS = {
    "former": ("the former publisher", "#f59f00"),
    "usual": ("BatchProcessor + AvroSerializer", "#e8590c"),
    "parse": ("json.loads of the event", "#495057"),
    "ours": ("this handler", "#0b7285"),
    "prebuilt": ("librdkafka, prebuilt messages", "#868e96"),
}
"""The title and the color of each contender, from top to bottom."""


class Heading(NamedTuple):
    """The text above and below a plot."""

    title: str
    conditions: str
    """How it was measured."""
    source: str
    """The command, the date, the commit, the versions and the machine."""


class Bar(NamedTuple):
    """One bar and its label."""

    title: str
    value: float
    color: str
    label: str


class BarPanel(NamedTuple):
    """Bars with one scale, and the value at which a line is drawn across them."""

    title: str
    bars: Sequence[Bar]
    reference: float


class BarPlot(NamedTuple):
    """A plot of bars."""

    heading: Heading
    axis: str
    panels: Sequence[BarPanel]


class LinePanel(NamedTuple):
    """The values of one figure over time."""

    title: str
    unit: str
    values: Sequence[float]


class LinePlot(NamedTuple):
    """A plot of figures over time."""

    heading: Heading
    length: float
    """The length of the time axis, in minutes."""
    minutes: Sequence[float]
    panels: Sequence[LinePanel]


def prepare_cpu_plot(file: Path = RESULTS) -> BarPlot:
    """Return the CPU of one record in batches of 1,000 records, with a panel for each number of features."""
    results = json.loads(file.read_text())
    costs: dict[int, dict[str, float]] = {}
    for cost in results["costs"]:
        if cost["records"] == _RECORDS:
            costs.setdefault(cost["features"], {})[cost["way"]] = cost["cpu_us"]
    heading = Heading(
        "CPU of one record, from stream record to acknowledged event",
        f"Batches of {_RECORDS:,} records without pause, minimum of many rounds. In brackets: records per second of "
        "CPU. Dashed: json.loads.",
        _describe_source("make bench", results["made"]),
    )
    panels = [_make_bar_panel(features, found) for features, found in costs.items()]
    return BarPlot(heading, "CPU of one record, µs", panels)


def _make_bar_panel(features: int, costs: Mapping[str, float]) -> BarPanel:
    bars = [
        Bar(title, costs[name], color, f"{costs[name]:.1f} µs ({round_figure(1e6 / costs[name])}/s)")
        for name, (title, color) in _CONTENDERS.items()
    ]
    return BarPanel(f"{features} features", bars, costs["parse"])


def prepare_soak_plot(run: SoakRun) -> LinePlot:
    """Return the figures of a soak run over time."""
    heading = Heading(
        f"Soak: {run.rate:,} events per second for {run.minutes:g} minutes",
        f"One execution environment, batches of {run.batch} records, a broker on the same machine. One value per "
        f"{run.window_seconds:g} seconds.",
        _describe_source("make soak", run.made),
    )
    panels = [_make_line_panel(figure, run.list_values(name)) for name, figure in FIGURES.items()]
    return LinePlot(heading, run.minutes, [seconds / 60 for seconds in run.list_values("seconds")], panels)


def _make_line_panel(figure: Figure, values: Sequence[float]) -> LinePanel:
    lowest, highest = figure.format(min(values)), figure.format(max(values))
    extent = lowest if lowest == highest else f"{lowest} to {highest}"
    return LinePanel(f"{figure.title}: {extent} {figure.unit}", figure.unit, values)


def _describe_source(command: str, made: Mapping[str, Any]) -> str:
    return (
        f"{command}, {made['date']}, commit {made['commit']}, Python {made['Python']}, "
        f"librdkafka {made['librdkafka']}, {made['machine']}"
    )
