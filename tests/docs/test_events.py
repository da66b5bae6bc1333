"""docs/events.md lists every sample event; tests/local/test_invoke.py checks the answers in its table."""

from local.paths import ROOT
from tests.docs.pages import read_table
from tests.support.sample_events import read_expected


def test_events__are_all_listed() -> None:
    """The table lists every sample event with its description."""
    rows = read_table("sample", (ROOT / "docs" / "events.md").read_text())
    assert {name: what for name, (what, *_) in rows.items()} == {
        name: row["what"] for name, row in read_expected().items()
    }
