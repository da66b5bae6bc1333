"""The layouts of the tables reach the functions that read records."""

import re
import tomllib
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from feature_events.layouts.parser import parse_table_layouts
from local.paths import ROOT
from tests.template.document import LAYOUTS, PINNED, REGISTRY, Parameters, read_template
from tests.template.expansion import expand


def read_environment(parameters: Parameters, function: str) -> dict[str, Any]:
    """The variables of a function under these parameters."""
    functions = expand(read_template(), parameters)["Resources"]
    variables: dict[str, Any] = functions[function]["Properties"]["Environment"]["Variables"]
    return variables


@pytest.mark.parametrize("function", ["FeatureEventsFunction", "RedriveFunction"])
@pytest.mark.parametrize(("given", "expected"), [({}, "default"), ({"TableLayouts": LAYOUTS}, LAYOUTS)])
def test_table_layouts__reach_each_function_that_reads_records(function: str, given: Parameters, expected: str) -> None:
    """Both have the same text, and it is one that the function takes."""
    text = read_environment({**PINNED, **given}, function)["TABLE_LAYOUTS"]
    assert text == expected
    assert len(parse_table_layouts(text)) == 1


def test_table_layouts__do_not_stop_the_registration() -> None:
    """The function that registers the schema reads no record, so a mistake in a layout does not fail it."""
    assert "TABLE_LAYOUTS" not in read_environment({"SchemaRegistry": REGISTRY}, "RegistrationFunction")


def test_own_tables__are_told_to_the_preflight_check() -> None:
    """It describes the stack's own tables unless it is asked for others."""
    names = "dev_user_feature_store,dev_account_feature_store"
    own = {"OwnTables": "true", "TableNamePrefix": "dev_"}
    assert read_environment(PINNED | own, "FeatureEventsFunction")["OWN_TABLES"] == names
    assert read_environment(PINNED, "FeatureEventsFunction")["OWN_TABLES"] == ""


def test_guide__has_parameters_that_are_taken() -> None:
    """The lines for samconfig.toml give the parameter what its limits take, and the layout in one is valid."""
    guide = (ROOT / "docs" / "deploying.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    values = []
    for block in blocks:
        (line,) = tomllib.loads(f"lines = [{block}]")["lines"]
        values.append(CfnParameterOverridesType().convert([line], None, None)["TableLayouts"])
    pattern = read_template()["Parameters"]["TableLayouts"]["AllowedPattern"]
    assert [value for value in values if not re.fullmatch(pattern, value)] == []
    inline, files = values
    assert len(parse_table_layouts(inline)) == 1
    assert files.split(",") == ["default", "app"]
