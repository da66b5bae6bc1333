"""The page of promises says what was reported, and says so where a part was not run."""

from tests.proof.prove import PROMISES, to_page


def test_to_page__says_what_was_reported() -> None:
    """Every row has its promise, its test and the figures of its parts."""
    figures = {
        "machine": ["9 histories"],
        "sockets": ["7"],
        "mutants": ["I1", "I2", "I2"],
        "wire": ["no broker"],
        "brokers": ["a", "b"],
    }
    page = to_page(figures, "abc1234", "2026-11-24", 12.3)
    assert "9 histories<br>1 histories with the real producer on sockets<br>a<br>b |" in page
    assert "3 mutants, each found by its invariant (2 of them)" in page
    assert "0 requests after the return under 1 faults (no broker)" in page
    assert page.count("not run") == 1
    assert all(each.promise in page and each.test in page for each in PROMISES)
