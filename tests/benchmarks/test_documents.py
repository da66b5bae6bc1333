"""The documents match the stored results."""

from pathlib import Path

from benchmarks import backfill_scale, pages, report, scale, soak, soak_run
from benchmarks.results import FILE, FOLDER, Results
from benchmarks.soak_run import SoakRun
from local.paths import ROOT


def test_results__survive_reading_and_writing(tmp_path: Path) -> None:
    """Writing the read results produces the same file."""
    Results.read().write(tmp_path / "results.json")
    assert (tmp_path / "results.json").read_text() == FILE.read_text()


def test_scale__matches_the_results() -> None:
    """The tables of docs/scale.md come from the models and the results."""
    assert pages.read_tables("stream") == scale.make_tables(Results.read())
    assert pages.read_tables("backfill") == backfill_scale.make_tables(Results.read())


def test_report__matches_the_results() -> None:
    """docs/benchmarks/README.md comes from the results."""
    assert (FOLDER / "README.md").read_text() == report.make_markdown(Results.read())


def test_soak_run__survives_reading_and_writing(tmp_path: Path) -> None:
    """Writing the read results produces the same file."""
    SoakRun.read().write(tmp_path / "soak.json")
    assert (tmp_path / "soak.json").read_text() == soak_run.FILE.read_text()


def test_promises__have_the_figures_of_the_soak() -> None:
    """The table of docs/promises.md comes from the results."""
    assert pages.read_tables("soak", soak.PAGE, "make soak") == soak.make_section(SoakRun.read())


def test_readme__claims_what_was_measured() -> None:
    """With 20 features, a record takes about as much CPU as parsing its JSON."""
    results = Results.read()
    ratio = results.find_cost("ours", 20, 1_000).cpu_us / results.find_cost("parse", 20, 1_000).cpu_us
    assert "a batch of 1,000 records takes about as much CPU as parsing its JSON" in (ROOT / "README.md").read_text()
    assert 0.85 < ratio < 1.15
