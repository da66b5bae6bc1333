"""docs/security.md quotes error messages that the code has."""

import re

import pytest

from local.paths import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()
HEADING = "| what is wrong | what the message says |"


def read_code() -> str:
    """Return the code of the functions with its string literals joined."""
    code = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    return re.sub(r"\"\s*\n\s*f?\"", "", code)


CODE = read_code()
QUOTES = [quote for table in TEXT.split(HEADING)[1:] for quote in re.findall(r"\*([^*]+)\*", table.split("\n\n")[0])]


@pytest.mark.parametrize("quote", sorted(set(QUOTES)))
def test_messages__exist(quote: str) -> None:
    """An operator who searches for a quoted part of a message finds it."""
    assert quote in CODE
