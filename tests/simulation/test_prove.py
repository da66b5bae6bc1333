"""docs/promises.md shows the last full run."""

from tests.simulation.prove import BEGIN, END, PAGE, read_run, to_section


def test_page__has_the_results_of_the_last_run() -> None:
    """The table of docs/promises.md has figures in each row, and is what this version would write."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    section, _, _ = rest.partition(END)
    assert section == to_section(read_run())
    assert "not run" not in section
