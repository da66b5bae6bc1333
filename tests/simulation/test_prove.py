"""docs/promises.md shows the last runs."""

from tests.simulation.prove import BEGIN, END, PAGE, read_parts, to_section


def test_page__has_the_results_of_the_last_runs() -> None:
    """The table is what this version would write. Every part has figures."""
    _, _, rest = PAGE.read_text().partition(BEGIN)
    section, _, _ = rest.partition(END)
    assert section == to_section(read_parts())
