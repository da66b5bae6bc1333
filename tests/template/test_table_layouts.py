"""The layouts of the tables reach the functions that read records."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from feature_events.layout_language.reading import to_table_layouts
from local.paths import ROOT
from tests.template.account_rules import find_large_environments
from tests.template.document import EVERYTHING, LAYOUTS, PINNED, REGISTRY, STREAMS, Parameters, Template, read_template
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
    assert len(to_table_layouts(text)) == 1


def test_table_layouts__do_not_stop_the_registration() -> None:
    """The function that registers the schema reads no record, so a mistake in a layout does not fail it."""
    assert "TABLE_LAYOUTS" not in read_environment({"SchemaRegistry": REGISTRY}, "RegistrationFunction")


@pytest.mark.parametrize(("number", "are_described"), [(1, True), (10, True), (11, False)])
def test_streams__reach_the_preflight_check_where_they_are_at_most_ten(number: int, are_described: bool) -> None:  # noqa: FBT001  # pytest's way
    """Ten of the longest ARNs fit into the variables with everything on; of more no table is described."""
    tables = [f"{each:03}".rjust(106, "t") for each in range(number)]
    streams = ",".join(STREAMS[0].replace("/one/", f"/{table}/") for table in tables)
    template = expand(read_template(), {**EVERYTHING, "StreamArns": streams})
    variables = template["Resources"]["FeatureEventsFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["STREAM_ARNS"] == (streams if are_described else "")
    assert list(find_large_environments(template)) == []
    assert len(list(find_described(template))) == (number if are_described else 0)


def find_described(template: Template) -> Iterator[str]:
    """The tables that a policy of its own lets the publisher describe."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy" and resource["Properties"]["Roles"] == [{"Ref": "FunctionRole"}]:
            (statement,) = resource["Properties"]["PolicyDocument"]["Statement"]
            assert statement["Action"] == "dynamodb:DescribeTable"
            yield statement["Resource"]


def test_own_tables__are_told_to_the_preflight_check() -> None:
    """Where the stack has tables of its own, their streams are the function's."""
    assert read_environment(PINNED, "FeatureEventsFunction")["STREAM_ARNS"] == {
        "Fn::Sub": "${UserFeatureStore.StreamArn},${AccountFeatureStore.StreamArn}"
    }


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
    assert len(to_table_layouts(inline)) == 1
    assert files.split(",") == ["default", "app"]
