"""The Python example."""

from pathlib import Path

from tests.support.consumers import SentTopic, by_key, prepare, run_example


def test_python__prints_what_was_sent(sent: SentTopic, tmp_path: Path) -> None:
    """Each message of today and of version 0.1.0 once, field by field, and each entity's in order."""
    prepare("python")
    printed = run_example("python", sent.settings, len(sent.messages), tmp_path / "log")
    assert by_key(printed) == by_key(each.printed for each in sent.messages)
