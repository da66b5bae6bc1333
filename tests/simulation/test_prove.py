"""README's table of promises says what was reported, and says so where a part was not run."""

from tests.simulation.prove import BEGIN, END, PROMISES, README, replace_section, to_section


def test_to_section__says_what_was_reported() -> None:
    """Every row has its promise, its test and the figures of its parts."""
    figures = {
        "machine": ["9 histories"],
        "sockets": ["7"],
        "mutants": ["I1", "I2", "I2"],
        "wire": ["no broker"],
        "brokers": ["a", "b"],
    }
    section = to_section(figures, "abc1234", "2026-11-24", 12.3)
    assert "9 histories<br>1 histories with the real producer on sockets<br>a<br>b |" in section
    assert "3 mutants, each found by its own of 2 invariants" in section
    assert "0 requests after the return under 1 faults (no broker)" in section
    assert section.count("not run") == 2
    assert all(each.promise in section and each.test in section for each in PROMISES)


def test_readme__has_the_promises_that_are_proved() -> None:
    """Its table is of this version of the proof, row by row, with figures in each."""
    _, _, rest = README.read_text().partition(BEGIN)
    section, _, _ = rest.partition(END)
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert [row[:2] for row in rows] == [[each.promise, each.test] for each in PROMISES]
    assert [figures for _, _, figures in rows if "not run" in figures] == []


def test_replace_section__leaves_the_rest() -> None:
    """Writing it twice is writing it once."""
    text = f"before\n{BEGIN}old\n{END}after\n"
    once = replace_section(text, "new\n")
    assert once == replace_section(once, "new\n") == f"before\n{BEGIN}new\n{END}after\n"
