"""The guide to production leads from a clone to the first event of an existing table.

The test runs the guide's commands as written and in order. It replaces only the placeholders. MiniStack replaces AWS.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest

from local.application.artefacts import ARCHITECTURE
from local.environment import REGION, make_aws_environment, make_tool_environment
from local.paths import ROOT
from local.servers.stack import Stack
from local.servers.topic import TOPIC, create_topic
from tests.support.topics import read_topic, wait_for_topic

GUIDE = (ROOT / "docs" / "deploying.md").read_text()
TABLE = "guided_table"
LAYOUT = [{"table": TABLE, "keys": {"pk": "U#{entity_id}", "sk": "{resource_name}"}, "entity_type": "user"}]
"""The layout of the guided table, a single-table design."""
MAX_COMMANDS = 8
BACKFILL_SECONDS = 240
NOT_RUN: Mapping[str, str] = {
    "git clone": "the clone is a copy of this checkout",
    "aws kafka get-bootstrap-brokers": "the local stack has a Kafka, but not the MSK service that returns its brokers",
}
"""The beginnings of commands that the test does not run, and the reasons."""


class Shell:
    """A shell with a clone and an AWS account."""

    def __init__(self, clone: Path, stack: Stack, tools: Path, home: Path) -> None:
        self._clone = clone
        self.names = {"YOUR_TABLE": TABLE, "YOUR_ATTACHMENT": "orders"}
        self._environment = make_tool_environment({**make_aws_environment(stack.aws), "__SAM_CLI_APP_DIR": str(home)})
        self._environment["PATH"] = os.pathsep.join([self._environment["PATH"].partition(os.pathsep)[0], str(tools)])
        self._environment["PATH"] += os.pathsep + os.environ["PATH"]

    def run(self, command: str, answers: str = "y\n" * 3) -> str:
        """Run a command, answer its questions with yes, and return its output."""
        if shutil.which("jq") is None and not os.environ.get("FEATURE_EVENTS_REQUIRE_TOOLCHAINS"):
            command = command.partition(" | jq ")[0]
        for name, value in sorted(self.names.items(), key=lambda item: -len(item[0])):
            command = command.replace(name, value)
        assert "YOUR_" not in command
        done = subprocess.run(  # noqa: S603 -- commands of the guide
            ["/bin/bash", "-euo", "pipefail", "-c", command],
            cwd=self._clone,
            env=self._environment,
            input=answers,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def configure(self, values: Mapping[str, str]) -> None:
        """Write values into samconfig.toml, and remove the lines with other placeholders."""
        file = self._clone / "samconfig.toml"
        text = file.read_text()
        for name, value in values.items():
            text = re.sub(rf"^( *)# ('[^\n]*YOUR_{name}\b)", r"\1\2", text, flags=re.MULTILINE)
            text = text.replace(f"YOUR_{name}", value)
        if ARCHITECTURE == "x86_64":
            text = re.sub(r"^( *)# ([^\n]*Architecture[^\n]*x86_64)", r"\1\2", text, flags=re.MULTILINE)
        kept = [line for line in text.splitlines() if not re.search(r"ParameterValue=\"?YOUR_", line)]
        file.write_text("\n".join(kept) + "\n")


def read_section(heading: str) -> str:
    """Return the text under a heading of the guide."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    return str(section)


def read_commands(text: str) -> list[str]:
    """Return the commands of a part of the guide, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in re.sub(r" \\\n\s*", " ", block).splitlines()]
    return [line for line in lines if line]


START = read_section("Deploy in eight commands")
REMOVE = read_section("Remove")


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Start an account without deployments, since other tests deploy a stack with the guide's name."""
    with Stack() as stack:
        yield stack


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy the files of this checkout that git tracks."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is not a git repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    target = tmp_path / "clone"
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


@pytest.fixture
def account(stack: Stack) -> str:
    """Create a table without a stream, a topic in Kafka, and a topic for alarms, and return the ARN of the latter."""
    create_topic(stack.kafka)
    keys: dict[str, Literal["HASH", "RANGE"]] = {"pk": "HASH", "sk": "RANGE"}
    stack.clients.dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
    )
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sns: Any = boto3.client("sns", endpoint_url=stack.aws, region_name=REGION, **credentials)  # type: ignore[call-overload]
    return str(sns.create_topic(Name="pages")["TopicArn"])


def put(stack: Stack, entity: str) -> None:
    """Write an item to the guided table."""
    item: dict[str, Any] = {"pk": f"U#{entity}", "sk": "spending", "features": {"sum_7d": 3}}
    stack.clients.tables.Table(TABLE).put_item(Item=item)


def read_outputs(stack: Stack) -> dict[str, str]:
    """Return the outputs of the application."""
    (made,) = stack.clients.cloudformation.describe_stacks(StackName="feature-events")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}


def wait_for_report(stack: Stack, execution: str) -> dict[str, Any]:
    """Wait for a backfill and return its report."""
    end = time.monotonic() + BACKFILL_SECONDS
    while time.monotonic() < end:
        described = stack.clients.states.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return dict(json.loads(described["output"]))
        time.sleep(0.5)
    raise AssertionError("the backfill is still running")


@pytest.mark.long
def test_guide__leads_to_the_first_event_and_to_a_clean_removal(
    stack: Stack, clone: Path, account: str, oldest_runtime: Path, tmp_path: Path
) -> None:
    """A table with another layout produces events after at most eight commands. The removal keeps table and events."""
    shell = Shell(clone, stack, oldest_runtime, tmp_path / "sam")
    commands = read_commands(START)
    assert len(commands) <= MAX_COMMANDS
    _, enable, describe, _, deploy, attach, check, backfill = commands
    put(stack, "u-0")  # before the stream exists
    shell.run(enable)
    table, stream, key = shell.run(describe).split()
    assert key == "None"
    shell.configure(
        {
            "REGION": REGION,
            "TABLE_ARN": table,
            "TABLE_LAYOUTS": json.dumps([LAYOUT[0] | {"features": "features"}]).replace('"', '\\"'),
            "BROKERS": stack.kafka,
            "KAFKA_AUTH": "none",
            "REGISTRY_URL": stack.registry,
            "ALARM_TOPIC_ARN": account,
        }
    )
    shell.run(deploy)
    shell.names |= {"YOUR_STREAM_ARN": stream, "YOUR_ALARM_TOPIC_ARN": account}
    shell.run(attach)
    assert f"layout of {TABLE}" in shell.run(check)
    outputs = read_outputs(stack)
    shell.names["YOUR_STATE_MACHINE_ARN"] = outputs["BackfillStateMachineArn"]
    started = json.loads(shell.run(backfill))
    assert wait_for_report(stack, started["executionArn"])["deliverable"] == 1
    put(stack, "u-1")
    assert [event.key for event in wait_for_topic(stack.kafka, TOPIC, 1)] == [b"u-1"]

    shell.run("aws cloudformation delete-stack --stack-name YOUR_ATTACHMENT")
    for command in read_commands(REMOVE):
        shell.run(command)
    assert stack.clients.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"] == stream
    assert stack.clients.s3.head_bucket(Bucket=outputs["FailureBucketName"])  # raises an error if it is gone
    assert len(read_topic(stack.kafka, TOPIC)) == 1


def test_not_run__are_commands_of_the_guide() -> None:
    """Each command that the test does not run has a reason."""
    clone, _, _, brokers, *_ = read_commands(START)
    assert [each for each in (clone, brokers) if not each.startswith(tuple(NOT_RUN))] == []
