"""The documentation names everything in the templates, and its names, commands and requests exist."""

import json
import re
import tomllib
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ServiceModel
from click.testing import CliRunner
from samcli.cli.main import cli  # type: ignore[import-untyped]
from samcli.cli.types import CfnParameterOverridesType  # type: ignore[import-untyped]

from feature_events.backfills.report import BackfillReport
from feature_events.backfills.request import BackfillRequest, read_backfill_request
from feature_events.failures.on_failure_batch import ON_FAILURE_PREFIX
from feature_events.layouts.parser import parse_table_layouts
from feature_events.metrics import METRICS
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import RedriveRequest, read_redrive_request
from feature_events.traces.report import TraceReport
from feature_events.traces.request import read_trace_request
from local.paths import ROOT
from tests.template.document import read_template, to_list
from tests.template.expansion import SETS, STACK, expand_set, read_resources
from tests.template.functions import find_invalid
from tests.template.parameters_page import PAGE, to_page

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("deploying", "runbook", "security")}
TEXT = "\n".join(PAGES.values())
TEMPLATE, TABLE = read_template(), read_template("table.yaml")
FUNCTION_METRICS = {"ConcurrentExecutions", "IteratorAge"}
"""AWS's metrics of a function: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
OTHER_NAMES = {
    "DescribeConfigs",
    "IdempotentWrite",
    "CreateTime",
    "LogAppendTime",
    "FeatureEvents",
    "ParameterValue",
    "StreamEnabled",
}
"""Names of Kafka, of the metrics' namespace, and of the AWS CLI's and SAM CLI's syntax."""


def read_tables(heading: str) -> dict[str, list[str]]:
    """Return the rows of all tables whose first column has this heading: first cell without markup, other cells."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in TEXT.splitlines():
        if line.startswith(f"| {heading} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            first, *others = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert first.strip("`") not in rows, first
            rows[first.strip("`")] = others
    return rows


def read_code(language: str) -> list[str]:
    """Return the commands of all blocks in this language and of the sentences, each on one line."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    # A jq program in quotes may contain line breaks and pipes
    text = "\n".join(re.sub(r"-er '[^']*'", "-er PROGRAM", block) for block in blocks)
    inline = [" ".join(each.split()) for each in re.findall(r"`((?:sam|make|aws) [^`]+)`", TEXT)]
    lines = [*text.replace("\\\n", " ").splitlines(), *inline]
    return [part.strip() for line in lines for part in re.split(r"\||&&", line) if part.strip()]


COMMANDS = read_code("sh")


def test_parameters__are_generated_from_the_templates() -> None:
    """`make parameters` writes docs/parameters.md."""
    assert PAGE.read_text() == to_page()


def test_names__exist() -> None:
    """Each name in the form of a template's name or a metric's is one."""
    names = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z0-9]+)+)(?:=[^`]*)?`", TEXT))
    statements = read_statements()
    known = {each["Sid"] for each in statements}
    known |= {str(action).partition(":")[2] for each in statements for action in to_list(each["Action"])}
    for template in (TEMPLATE, TABLE):
        known |= {*template["Parameters"], *template["Resources"], *template["Outputs"]}
    for service, operation in (("kafka", "GetBootstrapBrokers"), ("lambda", "ListEventSourceMappings")):
        shape = read_service(service).operation_model(operation).output_shape
        assert shape is not None
        known |= set(shape.members)
    for service in ("lambda", "cloudwatch", "cloudformation", "dynamodb"):
        known |= set(read_service(service).operation_names)
    known |= {*METRICS, *FUNCTION_METRICS, *OTHER_NAMES}
    assert names
    assert names <= known


@cache
def read_service(name: str) -> ServiceModel:
    """Return botocore's model of a service."""
    return botocore.session.get_session().get_service_model(name)


def read_statements() -> list[dict[str, Any]]:
    """Return every statement of a role with any set of parameters."""
    return [
        statement
        for name in SETS
        for resource in expand_set(name)["Resources"].values()
        if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
        for policy in resource["Properties"].get("Policies", [resource["Properties"]])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_statements__are_documented() -> None:
    """The table contains every statement of the roles, and no other."""
    assert set(re.findall(r"\w+", " ".join(read_tables("statement")))) == {each["Sid"] for each in read_statements()}


def test_exports__are_documented() -> None:
    """The table contains every export, and no other."""
    exports = {name for name, output in TEMPLATE["Outputs"].items() if "Export" in output}
    assert set(re.findall(r"STACK-(\w+)", " ".join(read_tables("export")))) == exports


def test_alarms__are_documented() -> None:
    """The table contains every alarm, and one row for an own table's alarm and that of an attached table."""
    names = {
        re.sub(r" (from|of) (one|own tables)$", r" \1 ...", alarm["AlarmName"].removeprefix(f"{stack} "))
        for name, stack in (("own tables", STACK), ("attachment", "feature-events"))
        for alarm in read_resources(name, "AWS::CloudWatch::Alarm").values()
    }
    assert set(read_tables("alarm")) == names


@cache
def read_help(command: str) -> str:
    """Return the help of a sam command."""
    environment = {"COLUMNS": "200", "SAM_CLI_TELEMETRY": "0"}
    return CliRunner().invoke(cli, [*command.split(), "--help"], env=environment).output


@pytest.mark.parametrize("command", sorted({each for each in COMMANDS if each.startswith("sam ")}))
def test_sam_commands__exist(command: str) -> None:
    """Each command has the given options, and `sam remote invoke` names a resource."""
    words = re.match(r"sam ((?:remote |local )?\w+)", command)
    assert words is not None
    options = read_help(words[1])
    assert [option for option in re.findall(r"--[a-z-]+", command) if option not in options] == []
    invoked = re.findall(r"remote invoke (\w+)", command)
    assert [name for name in invoked if name not in TEMPLATE["Resources"]] == []


def test_invocations__have_their_event_in_the_command() -> None:
    """Every environment of samconfig.toml sets `event`, and sam rejects `--event-file` in addition to it."""
    for environment in tomllib.loads((ROOT / "samconfig.toml").read_text()).values():
        if isinstance(environment, dict):
            assert "event" in environment["remote_invoke"]["parameters"]
    assert "--event-file" not in TEXT + (ROOT / "README.md").read_text()


def test_redrive_requests__are_valid() -> None:
    """The redrive function accepts each request, and together they show every field."""
    commands = [each for each in COMMANDS if "invoke RedriveFunction" in each]
    requests = [json.loads(*re.findall(r"--event '([^']*)'", each)) for each in commands]
    assert {name for request in requests for name in request} == set(RedriveRequest._fields)
    for request in requests:
        read_redrive_request(request, ("dead-letters/", ON_FAILURE_PREFIX))


def test_redrive_report__is_documented() -> None:
    """The table contains every field of the redrive function's report, and no other."""
    assert set(read_tables("field")) == set(RedriveReport.__annotations__)


def test_backfill_request__is_documented() -> None:
    """The table contains every field of the backfill's request with its default, and no other."""
    fields = BackfillRequest._field_defaults.items()
    defaults = {name: json.dumps(default).strip('"') or "empty" for name, default in fields}
    documented = {name: default.strip("`") for name, (default, _) in read_tables("request field").items()}
    assert documented == {name: defaults.get(name, "required") for name in BackfillRequest._fields}


def test_backfill_requests__are_valid() -> None:
    """The state machine accepts each request, and together they show every field."""
    inputs = [json.loads(*re.findall(r"--input '(.*)'", each)) for each in COMMANDS if "start-execution" in each]
    assert {name for each in inputs for name in each} == set(BackfillRequest._fields)
    for each in inputs:
        read_backfill_request(each)


def test_backfill_report__is_documented() -> None:
    """The table contains every field of the backfill's report, and no other."""
    assert set(read_tables("report field")) == set(BackfillReport.__annotations__)


def test_trace_request__is_documented() -> None:
    """The backfill function accepts the request with every field of the table, and the request in the command."""
    (request,) = (each for each in COMMANDS if "invoke BackfillFunction" in each)
    read_trace_request(json.loads(*re.findall(r"--event '([^']*)'", request)), 0)
    given = {"table": "orders", "key": {"pk": "1"}, "since": None, "seconds": 45, "all_partitions": False}
    assert set(read_tables("trace request field")) == set(given)
    assert read_trace_request({"trace": given}, 0)


def test_trace_report__is_documented() -> None:
    """The table contains every field of the report, and no other."""
    rows = read_tables("trace report field")
    assert {name.strip("`") for row in rows for name in row.split(", ")} == set(TraceReport.__annotations__)


@pytest.mark.parametrize(
    "command",
    sorted({each for each in COMMANDS if re.match(r"aws (?!s3 |configure$|cloudformation (deploy|package) )", each)}),
)
def test_aws_commands__exist(command: str) -> None:
    """Each command is an operation of the service, and its options are members of the request."""
    _, service, operation, *_ = command.split()
    model = read_service(service)
    (shape,) = [
        model.operation_model(name).input_shape for name in model.operation_names if xform_name(name, "-") == operation
    ]
    assert shape is not None
    options = {f"--{xform_name(member, '-')}" for member in shape.members}
    # The last is the CLI's name for Endpoint: https://docs.aws.amazon.com/cli/latest/reference/sns/subscribe.html
    options |= {"--query", "--output", "--cli-binary-format", "--notification-endpoint"}
    assert {each.replace("--no-", "--") for each in re.findall(r"--[a-z][a-z-]+", command)} <= options


def test_deployments__set_parameters_that_exist() -> None:
    """Each command that deploys a stack deploys a template with parameters of that template."""
    parameters = {"packaged.yaml": TEMPLATE["Parameters"], "table.yaml": TABLE["Parameters"]}
    commands = [each for each in COMMANDS if each.startswith("aws cloudformation deploy ")]
    assert commands
    for command in commands:
        (template,) = re.findall(r"--template-file (\S+)", command)
        _, _, overrides = command.partition("--parameter-overrides ")
        assert {each.partition("=")[0] for each in overrides.split()} <= set(parameters[template])


def test_table_layouts__are_valid() -> None:
    """The guide has a line for samconfig.toml with a layout, and one with the names of files."""
    values = []
    for block in re.findall(r"```toml\n(.*?)```", PAGES["deploying"], re.DOTALL):
        (line,) = tomllib.loads(f"lines = [{block}]")["lines"]
        values.append(CfnParameterOverridesType().convert([line], None, None)["TableLayouts"])
    assert [value for value in values if find_invalid(TEMPLATE, {"TableLayouts": value})] == []
    inline, files = values
    assert len(parse_table_layouts(inline)) == 1
    assert files.split(",") == ["default", "app"]


def test_commands__belong_to_tools_that_these_tests_check() -> None:
    """A command of another tool needs a test."""
    assert {each.split()[0] for each in COMMANDS} == {"sam", "aws", "jq", "make", "git", "cd", "sort", "tail"}
