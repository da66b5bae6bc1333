"""The plots show the stored results, and are drawn from them byte for byte."""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot_data import BarPlot, LinePlot, prepare_cpu_plot, prepare_soak_plot
from benchmarks.results import Results
from benchmarks.soak_run import SoakRun, Window
from benchmarks.throughput import CONTENDERS, FEATURES
from local import bootstrap
from local.paths import HOME, ROOT

SVG = "{http://www.w3.org/2000/svg}"
MADE = {"date": "2026-01-02", "commit": "abc1234", "Python": "3.13", "librdkafka": "2.15", "machine": "Linux x86_64"}


def make_run(memory: float = 30.0, grown: float = 30.0) -> SoakRun:
    """Return a run of 20 windows whose memory changes in the last quarter. The first window is the cold start."""
    windows = [Window(2.0 * number, memory if number < 15 else grown, 8, 5.5, 4.5) for number in range(1, 21)]
    windows.insert(0, Window(2.0, 10.0, 4, 2000.0, 70.0))
    return SoakRun(MADE, 0.7, 100, 10, 2.0, windows)


def test_cpu_plot__has_a_bar_for_each_contender() -> None:
    """The bars have the measured CPU and the rate that it allows. The line is at the CPU of json.loads."""
    results = Results.read()
    plot = prepare_cpu_plot()
    assert [panel.title for panel in plot.panels] == [f"{features} features" for features in FEATURES]
    for features, panel in zip(FEATURES, plot.panels, strict=True):
        costs = [results.find_cost(name, features, 1_000).cpu_us for name in CONTENDERS]
        assert sorted(bar.value for bar in panel.bars) == sorted(costs)
        assert panel.reference == results.find_cost("parse", features, 1_000).cpu_us
    ours = next(bar for bar in plot.panels[1].bars if bar.title == "this handler")
    assert ours.label == f"{ours.value:.1f} µs ({float(f'{1e6 / ours.value:.2g}'):,.0f}/s)"


def test_soak_plot__leaves_out_the_cold_start() -> None:
    """Each figure has a panel with its range and its unit, from the second window on."""
    plot = prepare_soak_plot(make_run(30.0, 31.5))
    assert [panel.title for panel in plot.panels] == [
        "resident memory: 30.0 to 31.5 MiB",
        "file descriptors: 8 open",
        "latency of a batch, median: 5.5 ms",
        "CPU of a batch, mean: 4.5 ms",
    ]
    assert plot.minutes[0] == pytest.approx(2 / 60)
    assert all(len(panel.values) == len(plot.minutes) == 20 for panel in plot.panels)


def test_soak_plot__names_rate_length_date_and_commit() -> None:
    """A reader sees under which conditions the figures were measured."""
    heading = prepare_soak_plot(make_run()).heading
    assert heading.title == "Soak: 1,000 events per second for 0.7 minutes"
    assert heading.source == "make soak, 2026-01-02, commit abc1234, Python 3.13, librdkafka 2.15, Linux x86_64"


def test_find_growth__compares_the_last_quarter_with_the_second() -> None:
    """Growth within the limit passes."""
    assert make_run(30.0, 35.0).find_growth() == []
    assert make_run(30.0, 36.0).find_growth() == ["resident memory: 30.0 to 36.0 MiB"]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the plotting library, and draw all plots into a new directory."""
    folder = tmp_path_factory.mktemp("plots")
    bootstrap.set_up(bootstrap.ON_REQUEST["benchmarks"])
    command = [str(HOME / "benchmarks" / "bin" / "python"), "-m", "benchmarks.plots", str(folder)]
    environ = {**os.environ, "MPLCONFIGDIR": str(HOME / "benchmarks")}
    subprocess.run(command, cwd=ROOT, env=environ, check=True)  # noqa: S603 -- our own
    return folder


@pytest.mark.parametrize(
    ("name", "plot"),
    [
        pytest.param("benchmarks/cpu.svg", prepare_cpu_plot(), id="cpu"),
        pytest.param("soak.svg", prepare_soak_plot(SoakRun.read()), id="soak"),
    ],
)
def test_plots__match_the_results(drawn: Path, name: str, plot: BarPlot | LinePlot) -> None:
    """The same results produce the same bytes, with the heading as text."""
    text = (ROOT / "docs" / name).read_text()
    assert text == (drawn / name).read_text(), "run `make plots`"
    shown = ["".join(each.itertext()).strip() for each in ET.fromstring(text).iter(f"{SVG}text")]  # noqa: S314  # ours
    assert set(plot.heading) <= set(shown)
    assert {panel.title for panel in plot.panels} <= set(shown)
