"""docs/consuming.md and the examples' READMEs describe the events and the programs as they are."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-untyped]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from feature_events.events.event import AVAILABLE, UNAVAILABLE
from feature_events.events.schema import SCHEMA_FILES, SHIPPED_SCHEMA
from local.application.consumers import CONSUMERS, read_consumers
from local.paths import ROOT
from tests.docs.pages import read_commands, read_table
from tests.support.avro import read_avro
from tests.support.backfills import to_scanned
from tests.support.pipelines import PREFIX, encode, encode_scanned
from tests.support.records import to_record

PAGE = ROOT / "docs" / "consuming.md"
TEXT = PAGE.read_text()
COMMANDS = read_commands(TEXT)
EXAMPLES = sorted(read_consumers())
each_example = pytest.mark.parametrize("example", EXAMPLES)
CONSUME = re.compile(r"^((?:[A-Z_]+=\S+ )*)make consume EXAMPLE=(\S+)$")
TEMPLATE = CONSUMERS / "lambda" / "template.yaml"
SHIPPED = read_avro(SHIPPED_SCHEMA)


def read_readme(example: str) -> str:
    """Return the README of an example."""
    return (CONSUMERS / example / "README.md").read_text()


def read_sample(name: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401  # an Encoder's fields
    """Return the message of the record in a sample event."""
    [record] = json.loads((ROOT / "events" / f"{name}.json").read_text())["Records"]
    message = encode(record, **parts).message
    return {
        "key": message.key.decode(),
        "timestamp": message.timestamp_ms,
        "headers": {name: text.decode() for name, text in message.headers},
        "value": SHIPPED.read(message.value.removeprefix(PREFIX)),
    }


def test_samples__are_messages_of_the_pipeline() -> None:
    """The page has a whole message, and some fields of a removal."""
    message, removal = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
    assert message == read_sample("insert")
    removed = read_sample("remove", removals="events")["value"]
    assert removal == {name: removed[name] for name in removal}


def test_event_types__are_those_of_the_code() -> None:
    """The page names every event type, in the table of the fields too."""
    assert set(re.findall(r"`(feature_[a-z]+)`", TEXT)) == {AVAILABLE, UNAVAILABLE}
    assert set(re.findall(r"`(feature_[a-z]+)`", read_table("field", TEXT)["event_type"][1])) == {
        AVAILABLE,
        UNAVAILABLE,
    }


def test_later_fields__are_those_of_version_2() -> None:
    """The table has the additional fields of version 2, in its order."""
    first, second = (json.loads((ROOT / "schemas" / name).read_text())["fields"] for name in SCHEMA_FILES)
    added = second[len(first) :]
    assert list(read_table("later field", TEXT)) == [field["name"] for field in added]


def test_page__is_short() -> None:
    """A consumer reads one page."""
    assert len(TEXT.splitlines()) <= 300


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
    listed = {
        name: [each for each, text in (("confluent", confluent), ("glue", glue)) if text.startswith("yes")]
        for name, (_, confluent, glue) in read_programs().items()
    }
    assert listed == {name: list(each.registries) for name, each in read_consumers().items()}


def read_programs() -> dict[str, list[str]]:
    """Return the rows of the table of programs."""
    return {name.strip("`"): cells for name, cells in read_table("program", TEXT).items()}


@each_example
def test_examples__have_a_linked_readme(example: str) -> None:
    """The README has the command of the page, and the group that a user replaces."""
    assert f"[`{example}`](../examples/consumers/{example}/README.md)" in TEXT
    readme = read_readme(example)
    assert [line for line in COMMANDS if line.endswith(f"EXAMPLE={example}")] == read_commands(readme)[:1]
    group = f"example-{example}"
    assert (f"`{group}`" in readme) == (
        f'"{group}"' in read_code(example) and example not in ("current-state", "lambda")
    )


@each_example
def test_examples__run_with_the_documented_command(example: str) -> None:
    """To run a program elsewhere, the README has the commands of `make consume`. Lambda and Airflow need more."""
    if example not in ("airflow", "lambda"):
        commands = [shlex.split(line) for line in read_commands(read_readme(example))]
        assert list(read_consumers()[example].run) in commands


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


@each_example
def test_variables__are_read_by_the_examples(example: str) -> None:
    """A program reads each environment variable that its README and its command name."""
    readme, code = read_readme(example), read_code(example)
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|FEATURES)[`=]", readme))
    given = {name for line in COMMANDS if line.endswith(f"={example}") for name in re.findall(r"([A-Z_]+)=", line)}
    assert [name for name in (named | given) - {"EXAMPLE"} if f'"{name}"' not in code] == []


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
    commands = read_commands(read_readme("lambda"))
    (command,) = [line for line in commands if line.startswith("sam local invoke")]
    (event,) = re.findall(r"-e (\S+)", command)
    assert (ROOT / event).is_file()
    overrides = dict(re.findall(r"(\w+)=(\S+)", command.split("--parameter-overrides ")[1]))
    assert set(overrides) <= set(yaml_parse(TEMPLATE.read_text())["Parameters"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE), parameter_overrides=overrides)
    (function,) = SamFunctionProvider(stacks).get_all()
    assert function.environment == {"Variables": {"SCHEMA_REGISTRY": "REGISTRY_URL"}}
    (built,) = [line for line in commands if line.startswith("sam build")]
    assert Path(*re.findall(r"-b (\S+)", built)) / "template.yaml" == Path(*re.findall(r"-t (\S+)", command))


def test_parameters__exist() -> None:
    """Each parameter on the page exists in the Lambda example's template or in those of the deployment."""
    templates = [TEMPLATE, ROOT / "template.yaml", ROOT / "table.yaml"]
    known = {name for template in templates for name in yaml_parse(template.read_text())["Parameters"]}
    named = set(re.findall(r"`((?:[A-Z][a-z]+){2,})(?:=\w+)?`", TEXT + read_readme("lambda")))
    actions = set(re.findall(r"`(?:kafka-cluster:)?([A-Z]\w+)`", "".join(read_table("where", TEXT)["MSK with IAM"])))
    integers = {"BigInt", "BigInteger"}
    assert named - actions - integers
    assert named - actions - integers <= known
