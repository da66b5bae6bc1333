"""The snippets for CDK and Terraform in docs/deploying.md fit the templates."""

import ast
import re

import pytest

from local.paths import ROOT
from tests.template.document import ATTACHED, BROKERS, read_template

PAGE = ROOT / "docs" / "deploying.md"


@pytest.fixture(params=["python", "hcl"])
def snippet(request: pytest.FixtureRequest) -> str:
    """Return each snippet, CDK's in Python and Terraform's."""
    (found,) = re.findall(rf"```{request.param}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def test_snippets__set_parameters_that_exist(snippet: str) -> None:
    """They include the required ones of both templates."""
    names = set(re.findall(r"\b([A-Z]\w+)\"? *[:=] ", snippet))
    assert names <= read_template()["Parameters"].keys() | read_template("table.yaml")["Parameters"].keys()
    assert names >= BROKERS.keys() | ATTACHED.keys()


def test_cdk__is_valid_python() -> None:
    """The snippet can be parsed."""
    (found,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert ast.parse(found).body
