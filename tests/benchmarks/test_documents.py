"""What is told of the measurements is made from them, and can be made again."""

from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks import backfill_scale, chart, report, scale
from benchmarks.results import FILE, FOLDER, Results


def test_results__are_read_as_they_were_written(tmp_path: Path) -> None:
    """Reading and writing the file of results gives the same file."""
    Results.read().write(tmp_path / "results.json")
    assert (tmp_path / "results.json").read_text() == FILE.read_text()


def test_scale__has_the_tables_of_the_results() -> None:
    """The tables of docs/scale.md are those that the models make of the results."""
    assert scale.read_tables("stream") == scale.to_tables(Results.read())
    assert scale.read_tables("backfill") == backfill_scale.to_tables(Results.read())


def test_report__is_that_of_the_results() -> None:
    """docs/benchmarks/README.md is what the results give."""
    assert (FOLDER / "README.md").read_text() == report.to_markdown(Results.read())


def test_plot__is_that_of_the_results() -> None:
    """The plot is well-formed and what the results give."""
    text = (FOLDER / "cpu.svg").read_text()
    assert text == chart.to_svg(Results.read())
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  # it is our own
