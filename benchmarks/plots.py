"""`make plots`: draw the plots of docs from the stored results.

This module runs in `.local/benchmarks`, which has matplotlib and nothing else. The same results produce the same bytes.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.plot_data import BarPanel, BarPlot, Heading, LinePanel, LinePlot, prepare_cpu_plot, prepare_soak_plot
from benchmarks.soak_run import SoakRun
from local.paths import ROOT

DOCS = ROOT / "docs"

_TEXT, _FAINT, _GRID, _LINE, _BACKGROUND = "#212529", "#495057", "#dee2e6", "#0b7285", "#ffffff"
_WIDTH = 8.6  # inches, about the width of a README
_ABOVE, _BELOW = 0.55, 0.3  # inches for the heading
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "feature-events",  # otherwise, the ids of the SVG are random
    "svg.fonttype": "none",  # text remains text
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # the first one is part of matplotlib
    "font.size": 9.0,
    "text.color": _TEXT,
    "axes.labelcolor": _FAINT,
    "axes.edgecolor": _FAINT,
    "axes.facecolor": _BACKGROUND,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "figure.facecolor": _BACKGROUND,  # explicit, for readers in dark mode
    "savefig.facecolor": _BACKGROUND,
}
_METADATA = {"Date": None, "Creator": "Matplotlib, https://matplotlib.org/"}


def draw_bars(plot: BarPlot) -> Figure:
    """Draw a plot of bars, with a separate scale for each panel."""
    figure = _make_figure(plot.heading, len(plot.panels), 1.9)
    every = figure.subplots(len(plot.panels), squeeze=False)[:, 0]
    for axes, panel in zip(every, plot.panels, strict=True):
        _draw_bar_panel(axes, panel)
        axes.set_xlabel(plot.axis)
    return figure


def _draw_bar_panel(axes: Axes, panel: BarPanel) -> None:
    places = range(len(panel.bars))
    values = [bar.value for bar in panel.bars]
    drawn = axes.barh(places, values, color=[bar.color for bar in panel.bars], height=0.75)
    labels = axes.bar_label(drawn, [bar.label for bar in panel.bars], padding=5)
    for label in labels:
        label.set_bbox({"facecolor": _BACKGROUND, "edgecolor": "none", "pad": 1})
    axes.axvline(panel.reference, color=_FAINT, linestyle="--", linewidth=0.8)
    axes.set_title(panel.title)
    axes.set_yticks(places, [bar.title for bar in panel.bars])
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.3)
    axes.grid(axis="x")


def draw_lines(plot: LinePlot) -> Figure:
    """Draw a plot of figures over time, with a panel for each."""
    figure = _make_figure(plot.heading, len(plot.panels), 1.5)
    every = figure.subplots(len(plot.panels), sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(every, plot.panels, strict=True):
        _draw_line_panel(axes, plot.minutes, panel)
    every[-1].set_xlabel("time, minutes")
    every[-1].set_xlim(0, plot.length)
    every[-1].xaxis.set_major_locator(MaxNLocator(15, integer=plot.length > 2))
    figure.align_ylabels()
    return figure


def _draw_line_panel(axes: Axes, minutes: Sequence[float], panel: LinePanel) -> None:
    axes.plot(minutes, panel.values, color=_LINE, linewidth=1.2)
    axes.set_title(panel.title)
    axes.set_ylabel(panel.unit)
    axes.set_ylim(0, max(panel.values) * 1.15)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.grid()


def _make_figure(heading: Heading, panels: int, panel_height: float) -> Figure:
    height = panels * panel_height + _ABOVE + _BELOW
    figure = Figure(figsize=(_WIDTH, height))
    figure.set_layout_engine("constrained", rect=(0, _BELOW / height, 1, 1 - (_ABOVE + _BELOW) / height), hspace=0.08)
    figure.text(0.01, 1 - 0.2 / height, heading.title, fontsize=12, fontweight="bold")
    figure.text(0.01, 1 - 0.42 / height, heading.conditions, color=_FAINT)
    figure.text(0.01, 0.1 / height, heading.source, color=_FAINT)
    return figure


def main() -> None:
    """Draw all plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DOCS, help="the folder for the plots")
    folder = parser.parse_args().folder
    with style.context(["default", _STYLE]):  # independent of the user's style
        _save(draw_bars(prepare_cpu_plot()), folder / "benchmarks" / "cpu.svg")
        _save(draw_lines(prepare_soak_plot(SoakRun.read())), folder / "soak.svg")


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, format="svg", metadata=_METADATA)
    sys.stdout.write(f"drew {file}\n")


if __name__ == "__main__":
    main()
