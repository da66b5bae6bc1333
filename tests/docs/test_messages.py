"""A message names what the person who reads it can set: a deployer sets parameters of the template."""

import ast
import re
from collections.abc import Iterator

import pytest

from local.paths import ROOT

SOURCE = ROOT / "src" / "feature_events"
NOT_MESSAGES = ("settings.py",)
"""They name the function's variables, which they read."""

BARE = re.compile(r"(?<!\()\b(SCHEMA_VERSION|(KAFKA|SCHEMA_REGISTRY)_(CA_)?SECRET_ARN)\b")


def find_texts(tree: ast.Module) -> Iterator[str]:
    """All texts of a module but docstrings."""
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("text", ["set SCHEMA_VERSION=latest", "the secret in KAFKA_SECRET_ARN"])
def test_pattern__finds_a_bare_variable(text: str) -> None:
    """A variable without its parameter is found."""
    assert BARE.search(text)


def test_messages__name_the_parameter_first() -> None:
    """A secret and the version of the schema are named as a parameter, with the variable in parentheses."""
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in NOT_MESSAGES]
    texts = [(path.name, text) for path in modules for text in find_texts(ast.parse(path.read_text()))]
    assert len(texts) > 1000
    assert [(name, text) for name, text in texts if BARE.search(text)] == []


def test_messages__ask_nobody_for_what_the_template_fixes() -> None:
    """The template has no parameter for DELIVERY_TIMEOUT_MS, so its messages say who can change it."""
    assert "DELIVERY_TIMEOUT_MS" not in (ROOT / "template.yaml").read_text()
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in NOT_MESSAGES]
    texts = [text for path in modules for text in find_texts(ast.parse(path.read_text())) if "DELIVERY_TIMEOUT" in text]
    assert len(texts) > 1
    assert [text for text in texts if "a function made by hand" not in text] == []
