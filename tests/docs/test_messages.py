"""Error messages name the template's parameter, because deployers set parameters."""

import ast
import re
from collections.abc import Iterator

from local.paths import ROOT

SOURCE = ROOT / "src" / "feature_events"
NOT_MESSAGES = ("settings.py",)
"""Modules that name the variables, because they read them."""

BARE = re.compile(r"(?<!\()\b(SCHEMA_VERSION|(KAFKA|SCHEMA_REGISTRY)_(CA_)?SECRET_ARN)\b")


def find_texts(tree: ast.Module) -> Iterator[str]:
    """Return the string literals of a module, without docstrings."""
    docstrings = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_messages__name_the_parameter_first() -> None:
    """Messages name secrets and the schema version as a parameter, followed by the variable in parentheses."""
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in NOT_MESSAGES]
    texts = [(path.name, text) for path in modules for text in find_texts(ast.parse(path.read_text()))]
    assert len(texts) > 1000
    assert [(name, text) for name, text in texts if BARE.search(text)] == []


def test_messages__do_not_suggest_what_the_template_fixes() -> None:
    """Messages about DELIVERY_TIMEOUT_MS say that it can change only without template.yaml."""
    assert "DELIVERY_TIMEOUT_MS" not in (ROOT / "template.yaml").read_text()
    modules = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in NOT_MESSAGES]
    texts = [text for path in modules for text in find_texts(ast.parse(path.read_text())) if "DELIVERY_TIMEOUT" in text]
    assert len(texts) > 1
    assert [text for text in texts if "without template.yaml" not in text] == []
