"""docs/consuming.md lists every field, header, right and example of the code, and nothing that does not exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-untyped]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import CONSUMERS, read_consumers
from local.paths import ROOT
from tests.docs.pages import read_table
from tests.support.backfills import to_scanned
from tests.support.pipelines import encode, encode_scanned
from tests.support.records import to_record

PAGE = ROOT / "docs" / "consuming.md"
TEXT = PAGE.read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
CONSUME = re.compile(r"^((?:[A-Z_]+=\S+ )*)make consume EXAMPLE=(\S+)$")
TEMPLATE = CONSUMERS / "lambda" / "template.yaml"


def test_fields__are_those_of_the_schema() -> None:
    """The table has the fields and types of the shipped schema, in its order."""
    fields = json.loads(SHIPPED_SCHEMA)["fields"]
    expected = [(field["name"], "string" if field["type"] == "string" else "array of string") for field in fields]
    assert [(name, kind) for name, (kind, _) in read_table("field", TEXT).items()] == expected


def test_headers__are_those_of_the_code() -> None:
    """The table has every header of a live or backfilled event, and no other."""
    headers = [*encode(to_record()).message.headers, *encode_scanned(to_scanned()).message.headers]
    listed = {name for cell in read_table("header", TEXT) for name in re.findall(r"[\w-]+", cell)}
    assert listed == {name for name, _ in headers}


def test_examples__are_all_listed() -> None:
    """The page has one command for each example, and no other."""
    listed = [found[2] for line in COMMANDS if (found := CONSUME.match(line))]
    assert sorted(listed) == sorted(read_consumers())


def test_examples__read_the_documented_wire_formats() -> None:
    """The page says which wire formats each program reads, and `make consume` allows exactly these."""
    listed: dict[str, list[str]] = {}
    for cell, (confluent, glue) in read_table("program", TEXT.partition("**Time limit.**")[0]).items():
        formats = [name for name, text in (("confluent", confluent), ("glue", glue)) if text.startswith("yes")]
        listed |= dict.fromkeys(re.findall(r"[\w-]+", cell), formats)
    assert listed == {name: list(each.registries) for name, each in read_consumers().items()}


def test_examples__are_linked() -> None:
    """The page links a file of each example."""
    linked = {found.split("/")[0] for found in re.findall(r"\]\(\.\./examples/consumers/([^)#]+)\)", TEXT)}
    assert linked == set(read_consumers())


def read_code(example: str) -> str:
    """Return the code of an example."""
    listed = subprocess.run(  # noqa: S603  # git, on our own text
        ["git", "ls-files", "-z", example],  # noqa: S607  # git is found on PATH
        cwd=CONSUMERS,
        capture_output=True,
        text=True,
        check=True,
    )
    return "".join((CONSUMERS / name).read_text() for name in listed.stdout.split("\0") if name)


def test_variables__are_read_by_the_examples() -> None:
    """A program reads each environment variable that its section names."""
    for section in re.split(r"^##+ ", TEXT, flags=re.MULTILINE):
        commands = [found.groups() for line in section.splitlines() if (found := CONSUME.match(line))]
        code = "".join(read_code(example) for _, example in commands)
        given = {name for settings, _ in commands for name in re.findall(r"([A-Z_]+)=", settings)}
        named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|FEATURES)`", section)) if commands else set()
        assert [name for name in given | named if f'"{name}"' not in code] == [], section.splitlines()[0]


def test_rights__are_those_of_the_template() -> None:
    """The MSK actions on the page are those of the Lambda example's role."""
    (row,) = read_table("where", TEXT)["MSK with IAM"]
    named = re.findall(r"`(?:kafka-cluster:)?([A-Z]\w+)`", row)
    allowed = re.findall(r"kafka-cluster:(\w+)", TEMPLATE.read_text())
    only_lambdas = {"DescribeClusterDynamicConfiguration"}
    assert set(named) == set(allowed) - only_lambdas


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # calls in SAM and jsonschema
def test_sam_commands__name_what_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sam local invoke` names existing files and parameters, and passes the registry to the function."""
    (command,) = [line for line in COMMANDS if line.startswith("sam local invoke")]
    (event,) = re.findall(r"-e (\S+)", command)
    assert (ROOT / event).is_file()
    overrides = dict(re.findall(r"(\w+)=(\S+)", command.split("--parameter-overrides ")[1]))
    assert set(overrides) <= set(yaml_parse(TEMPLATE.read_text())["Parameters"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE), parameter_overrides=overrides)
    (function,) = SamFunctionProvider(stacks).get_all()
    assert function.environment == {"Variables": {"SCHEMA_REGISTRY": "REGISTRY_URL"}}
    (built,) = [line for line in COMMANDS if line.startswith("sam build")]
    assert Path(*re.findall(r"-b (\S+)", built)) / "template.yaml" == Path(*re.findall(r"-t (\S+)", command))


def test_parameters__exist() -> None:
    """Each parameter on the page exists in the Lambda example's template or in those of the deployment."""
    templates = [TEMPLATE, ROOT / "template.yaml", ROOT / "table.yaml"]
    known = {name for template in templates for name in yaml_parse(template.read_text())["Parameters"]}
    before_java, _, _ = TEXT.partition("### Java")  # the names after it are classes
    named = set(re.findall(r"`((?:[A-Z][a-z]+){2,})(?:=\w+)?`", before_java))
    actions = set(re.findall(r"`(?:kafka-cluster:)?([A-Z]\w+)`", "".join(read_table("where", TEXT)["MSK with IAM"])))
    assert named - actions
    assert named - actions <= known
