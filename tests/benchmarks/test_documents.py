"""The documents match the stored results."""

from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks import backfill_scale, chart, report, scale
from benchmarks.results import FILE, FOLDER, Results


def test_results__survive_reading_and_writing(tmp_path: Path) -> None:
    """Writing the read results produces the same file."""
    Results.read().write(tmp_path / "results.json")
    assert (tmp_path / "results.json").read_text() == FILE.read_text()


def test_scale__matches_the_results() -> None:
    """The tables of docs/scale.md come from the models and the results."""
    assert scale.read_tables("stream") == scale.make_tables(Results.read())
    assert scale.read_tables("backfill") == backfill_scale.make_tables(Results.read())


def test_report__matches_the_results() -> None:
    """docs/benchmarks/README.md comes from the results."""
    assert (FOLDER / "README.md").read_text() == report.make_markdown(Results.read())


def test_chart__matches_the_results() -> None:
    """The chart is well-formed and comes from the results."""
    text = (FOLDER / "cpu.svg").read_text()
    assert text == chart.draw_chart(Results.read())
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  # a file of this project
