"""The guide describes the templates as they are: nothing is missing, and nothing is described that does not exist."""

import json
import re
import subprocess
import tomllib
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from feature_events.backfills.report import BackfillReport
from feature_events.backfills.request import BackfillRequest, read_backfill_request
from feature_events.failures.on_failure_batch import ON_FAILURE_PREFIX
from feature_events.metrics import METRICS
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import RedriveRequest, read_redrive_request
from local.paths import ROOT, TOOLS
from tests.template.document import read_template, to_members
from tests.template.expansion import SETS, STACK, expand_set
from tests.template.parameters_page import PAGE, to_page

PAGES = [ROOT / "docs" / f"{name}.md" for name in ("deploying", "runbook", "security")]
TEXT = "\n".join(page.read_text() for page in PAGES)
TEMPLATE, TABLE = read_template(), read_template("table.yaml")


def read_tables(heading: str) -> dict[str, list[str]]:
    """All tables whose first column has this heading: first cell, without its markup -> the other cells."""
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
    """Return the commands of all blocks in this language, and those within sentences, each on one line."""
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    # A program in quotes may contain line ends and pipes of its own
    text = "\n".join(re.sub(r"-er '[^']*'", "-er PROGRAM", block) for block in blocks)
    inline = [" ".join(each.split()) for each in re.findall(r"`((?:sam|make|aws) [^`]+)`", TEXT)]
    lines = [*text.replace("\\\n", " ").splitlines(), *inline]
    return [part.strip() for line in lines for part in re.split(r"\||&&", line) if part.strip()]


COMMANDS = read_code("sh")


def test_parameters__are_generated_from_the_templates() -> None:
    """docs/parameters.md is what `make parameters` writes."""
    assert PAGE.read_text() == to_page()


def test_names__exist() -> None:
    """Every name in the text that is written like one of the template's or like a metric's exists."""
    names = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z0-9]+)+)(?:=[^`]*)?`", TEXT))
    statements = read_statements()
    known = {each["Sid"] for each in statements}
    known |= {str(action).partition(":")[2] for each in statements for action in to_members(each["Action"])}
    for template in (TEMPLATE, TABLE):
        known |= {*template["Parameters"], *template["Resources"], *template["Outputs"]}
    session = botocore.session.get_session()
    for service, operation in (("kafka", "GetBootstrapBrokers"), ("lambda", "ListEventSourceMappings")):
        shape = session.get_service_model(service).operation_model(operation).output_shape
        assert shape is not None
        known |= set(shape.members)
    for service in ("lambda", "cloudwatch", "cloudformation", "dynamodb"):
        known |= set(session.get_service_model(service).operation_names)
    known |= {*METRICS, *FUNCTION_METRICS, *OTHER_NAMES}
    assert names
    assert names <= known


def read_statements() -> list[dict[str, Any]]:
    """Every statement of a role under any set of parameters."""
    return [
        statement
        for name in SETS
        for resource in expand_set(name)["Resources"].values()
        if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
        for policy in resource["Properties"].get("Policies", [resource["Properties"]])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_statements__are_all_told() -> None:
    """Every statement of the roles is in the table, and no other."""
    made = {statement["Sid"] for statement in read_statements()}
    assert set(re.findall(r"\w+", " ".join(read_tables("statement")))) == made


def test_exports__are_all_told() -> None:
    """Every export is in the table, and no other."""
    made = {name for name, output in TEMPLATE["Outputs"].items() if "Export" in output}
    assert set(re.findall(r"STACK-(\w+)", " ".join(read_tables("export")))) == made


def test_alarms__are_all_told() -> None:
    """Every alarm is in the table by the name that a page shows, and no other."""
    alarms = [
        (name, resource["Properties"]["AlarmName"])
        for name in ("own tables", "attachment")
        for resource in expand_set(name)["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    stacks = {"own tables": STACK, "attachment": "feature-events"}
    names = {re.sub(r" (from|of) one$", r" \1 ...", text.removeprefix(f"{stacks[name]} ")) for name, text in alarms}
    own = {name for name in names if name.endswith("own tables")}
    of_tables = {re.sub(r"own tables$", "...", name) for name in own}
    told = set(read_tables("alarm"))
    assert told == names - own
    assert of_tables <= told


FUNCTION_METRICS = {"ConcurrentExecutions", "IteratorAge"}
"""AWS's metrics of a function: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
OTHER_NAMES = {"IdempotentWrite", "CreateTime", "FeatureEvents", "ParameterValue", "StreamEnabled"}
"""Names of Kafka, of the metrics' namespace, and of the AWS CLI's and SAM CLI's syntax."""


@cache
def read_help(command: str) -> str:
    """What a sam command says of itself."""
    done = subprocess.run(  # noqa: S603 -- commands of our own text
        [TOOLS / "sam", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"SAM_CLI_TELEMETRY": "0", "COLUMNS": "200", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    return done.stdout


@pytest.mark.parametrize("command", sorted({each for each in COMMANDS if each.startswith("sam ")}))
def test_sam_commands__exist(command: str) -> None:
    """Each command of sam has the options that the text gives it."""
    words = re.match(r"sam ((?:remote |local )?\w+)", command)
    assert words is not None
    told = read_help(words[1])
    assert [option for option in re.findall(r"--[a-z-]+", command) if option not in told] == []
    invoked = re.findall(r"remote invoke (\w+)", command)
    assert [name for name in invoked if name not in TEMPLATE["Resources"]] == []


def test_invocations__give_their_event_as_text() -> None:
    """Every environment of samconfig.toml sets `event`, and sam refuses a file besides it."""
    for environment in tomllib.loads((ROOT / "samconfig.toml").read_text()).values():
        if isinstance(environment, dict):
            assert "event" in environment["remote_invoke"]["parameters"]
    assert [page.name for page in (*PAGES, ROOT / "README.md") if "--event-file" in page.read_text()] == []


def test_redrive_requests__are_taken() -> None:
    """Each request to the redrive function is one that it takes."""
    commands = [each for each in COMMANDS if "invoke RedriveFunction" in each]
    requests = [json.loads(*re.findall(r"--event '([^']*)'", each)) for each in commands]
    assert {name for request in requests for name in request} == set(RedriveRequest._fields)
    for request in requests:
        read_redrive_request(request, ("dead-letters/", ON_FAILURE_PREFIX))


def test_report__is_all_told() -> None:
    """Every field of the redrive function's report is in the table, and no other."""
    assert set(read_tables("field")) == set(RedriveReport.__annotations__)


def test_backfill_request__is_all_told() -> None:
    """Every field of the backfill's request is in the table with its default, and no other."""
    defaults = {
        name: json.dumps(default).strip('"') or "empty" for name, default in BackfillRequest._field_defaults.items()
    }
    told = {name: default.strip("`") for name, (default, _) in read_tables("request field").items()}
    assert told == {name: defaults.get(name, "required") for name in BackfillRequest._fields}


def test_backfill_requests__are_taken() -> None:
    """Each request to the state machine is one that it takes, and together they show every field."""
    inputs = [json.loads(*re.findall(r"--input '(.*)'", each)) for each in COMMANDS if "start-execution" in each]
    assert {name for each in inputs for name in each} == set(BackfillRequest._fields)
    for each in inputs:
        read_backfill_request(each)


def test_backfill_report__is_all_told() -> None:
    """Every field of the backfill's report is in the table, and no other."""
    assert set(read_tables("report field")) == set(BackfillReport.__annotations__)


@pytest.mark.parametrize(
    "command", sorted({each for each in COMMANDS if re.match(r"aws (?!s3 |configure$|cloudformation deploy )", each)})
)
def test_aws_commands__exist(command: str) -> None:
    """Each command of aws is an operation of that service, with its members for options."""
    _, service, operation, *_ = command.split()
    model = botocore.session.get_session().get_service_model(service)
    (shape,) = [
        model.operation_model(name).input_shape for name in model.operation_names if xform_name(name, "-") == operation
    ]
    assert shape is not None
    options = {f"--{xform_name(member, '-')}" for member in shape.members}
    # The last is the CLI's name for Endpoint: https://docs.aws.amazon.com/cli/latest/reference/sns/subscribe.html
    options |= {"--query", "--output", "--cli-binary-format", "--notification-endpoint"}
    assert {each.replace("--no-", "--") for each in re.findall(r"--[a-z][a-z-]+", command)} <= options


def test_attachments__are_deployed_with_parameters_that_exist() -> None:
    """Each command that deploys table.yaml sets parameters of it."""
    commands = [each for each in COMMANDS if each.startswith("aws cloudformation deploy ")]
    assert commands
    for command in commands:
        assert "--template-file table.yaml" in command
        _, _, overrides = command.partition("--parameter-overrides ")
        assert {each.partition("=")[0] for each in overrides.split()} <= set(TABLE["Parameters"])


def test_commands__are_of_tools_that_are_checked() -> None:
    """No command is of a tool that nobody here knows."""
    assert {each.split()[0] for each in COMMANDS} == {"sam", "aws", "jq", "make", "git", "cd", "sort", "tail"}


def test_make_commands__exist() -> None:
    """Each target is the Makefile's."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {each.split()[1] for each in COMMANDS if each.startswith("make ")} <= targets
