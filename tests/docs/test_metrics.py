"""docs/metrics.md lists the metrics and log messages of the code."""

import re

from feature_events.metrics import METRICS
from local.paths import ROOT
from tests.docs.pages import read_table

TEXT = (ROOT / "docs" / "metrics.md").read_text()


def test_metrics__are_those_of_the_code() -> None:
    """The table lists every metric with its unit, dimensions and meaning, and no other."""
    assert read_table("metric", TEXT) == {
        name: [unit.value, " and ".join(f"{{{', '.join(each)}}}" for each in dimensions), meaning]
        for name, (unit, dimensions, meaning) in METRICS.items()
    }


def test_messages__are_logged_by_the_code() -> None:
    """Each log message in the table occurs in the code."""
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    messages = [text for cell in read_table("message", TEXT) for text in re.findall(r"[^`,]{4,}", cell)]
    assert messages
    assert [text for text in messages if f'"{text.strip()}"' not in code] == []
