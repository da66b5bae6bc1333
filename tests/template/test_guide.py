"""The guide to production, followed to the letter from a clone, makes an existing table's next write an event.

Its commands are taken from the page and run as they stand, in its order; only what is written in capitals is replaced.
MiniStack stands in for the account.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from local.application.artefacts import ARCHITECTURE
from local.environment import REGION, to_aws_environment, to_tool_environment
from local.paths import ROOT
from local.servers.stack import Stack
from local.servers.topic import TOPIC, create_topic
from tests.support.tables import create_table
from tests.support.topics import read_topic, wait_for_topic

GUIDE = (ROOT / "docs" / "deploying.md").read_text()
TABLE = "guided_table"
ELSEWHERE: Mapping[str, str] = {
    "make setup": "what it makes is what this test runs on",
    ". .venv/bin/activate": "the same",
    "aws kafka get-bootstrap-brokers": "the local stack has a Kafka and no MSK that could be asked for it",
}
"""How a command of the guide begins that is not run here -> why."""


class Step(NamedTuple):
    """What a command of the guide did."""

    command: str
    output: str


class Follower:
    """Somebody with a clone, a shell and an account."""

    def __init__(self, clone: Path, stack: Stack, tools: Path, home: Path) -> None:
        self._clone = clone
        self._names = {"YOUR_REGION": REGION, "YOUR_TABLE": TABLE}
        self._exports: list[str] = []
        account = {name: value for name, value in to_aws_environment(stack.aws).items() if "REGION" not in name}
        self._environment = to_tool_environment({**account, "__SAM_CLI_APP_DIR": str(home)})
        self._environment["PATH"] = os.pathsep.join([self._environment["PATH"].partition(os.pathsep)[0], str(tools)])
        self._environment["PATH"] += os.pathsep + os.environ["PATH"]
        self.done: list[Step] = []

    def follow(self, commands: list[str], answers: str = "y\n" * 3) -> None:
        """Runs commands one after the other, and says yes where one asks."""
        for written in commands:
            if written.startswith(tuple(ELSEWHERE)):
                continue
            command = re.sub(r"YOUR_[A-Z_]+", lambda found: self._names[found[0]], written)
            if command.startswith("export "):
                self._exports.append(command)
            done = subprocess.run(  # noqa: S603 -- commands of our own text
                ["/bin/bash", "-ec", "\n".join([*self._exports, command])],
                cwd=self._clone,
                env=self._environment,
                input=answers,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            self.done.append(Step(written, done.stdout))

    def read(self, beginning: str) -> str:
        """What the first command printed that begins so."""
        return next(step.output for step in self.done if step.command.startswith(beginning)).strip()

    def configure(self, values: Mapping[str, str]) -> None:
        """Writes these values into samconfig.toml, and takes the other lines out that are to be replaced."""
        file = self._clone / "samconfig.toml"
        text = file.read_text()
        for name, value in values.items():
            text = text.replace(f"YOUR_{name}", value)
        if ARCHITECTURE == "x86_64":
            text = re.sub(r"^( *)# ([^\n]*Architecture[^\n]*x86_64)", r"\1\2", text, flags=re.MULTILINE)
        kept = [line for line in text.splitlines() if not re.search(r"ParameterValue=\"?YOUR_", line)]
        file.write_text("\n".join(kept) + "\n")


def read_section(heading: str) -> str:
    """The text under a heading."""
    (section,) = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    return str(section)


def read_commands(text: str) -> list[str]:
    """The commands of a part of the guide, in its order."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in re.sub(r" \\\n\s*", " ", block).splitlines()]
    return [line for line in lines if line]


START = read_section("In ten minutes: an existing cluster and an existing table")


@pytest.fixture
def stack() -> Iterator[Stack]:
    """An account in which nothing was deployed: the guide's stack has the name that other tests use, too."""
    with Stack() as stack:
        yield stack


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git has of this checkout, as a clone has it."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is not git's, so nobody can clone it")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    target = tmp_path / "clone"
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


@pytest.fixture
def account(stack: Stack) -> str:
    """A table without a stream, a topic in Kafka, and a topic for alarms, whose ARN it gives."""
    create_topic(stack.kafka)
    create_table(stack.clients.dynamodb, TABLE)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    sns: Any = boto3.client("sns", endpoint_url=stack.aws, region_name=REGION, **keys)  # type: ignore[call-overload]
    return str(sns.create_topic(Name="pages")["TopicArn"])


def test_guide__leads_to_the_first_event_and_back(
    stack: Stack, clone: Path, account: str, oldest_runtime: Path, tmp_path: Path
) -> None:
    """From the table as it was to an event of its next write, then removed again; the table and the records stay."""
    follower = Follower(clone, stack, oldest_runtime, tmp_path / "sam")
    before, after = START.split("3. Write what you have")
    follower.follow(read_commands(before))
    stream = follower.read("aws dynamodb describe-table --table-name YOUR_TABLE --query Table.LatestStreamArn")
    assert stream.startswith("arn:aws:dynamodb:")
    follower.configure(
        {
            "REGION": REGION,
            "STREAM_ARN": stream,
            "BROKERS": stack.kafka,
            "KAFKA_AUTH": "none",
            "REGISTRY_URL": stack.registry,
            "ALARM_TOPIC_ARN": account,
        }
    )
    commands = read_commands(after)
    looking = next(number for number, each in enumerate(commands) if "--no-execute-changeset" in each)
    follower.follow(commands[: looking + 1])
    assert "FeatureEventsFunction" in follower.done[-1].output
    resources = stack.clients.cloudformation.describe_stack_resources(StackName="feature-events")["StackResources"]
    assert resources == []

    follower.follow(commands[looking + 1 :])
    report = json.loads(follower.read("sam remote invoke"))
    assert report["ok"] is True
    assert f"layout of {TABLE}" in [each["name"] for each in report["checks"]]
    assert [event.key for event in wait_for_topic(stack.kafka, TOPIC, 1)] == [b"try-1"]

    bucket = follower_bucket(stack)
    follower.follow(read_commands(read_section("Removing")))
    assert stack.clients.dynamodb.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"] == stream
    assert stack.clients.s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert len(read_topic(stack.kafka, TOPIC)) == 1


def follower_bucket(stack: Stack) -> str:
    """The failure bucket that was made."""
    (made,) = stack.clients.cloudformation.describe_stacks(StackName="feature-events")["Stacks"]
    return next(each["OutputValue"] for each in made["Outputs"] if each["OutputKey"] == "FailureBucketName")


def test_guide__runs_all_but_what_is_named_here() -> None:
    """Each command that is not run is one of the guide, and has its reason."""
    inline = re.findall(r"`((?:make|\.) [^`]+)`", START)
    written = [*read_commands(START), *inline]
    assert [beginning for beginning in ELSEWHERE if not any(each.startswith(beginning) for each in written)] == []
    assert {each for each in inline if not each.startswith(tuple(ELSEWHERE))} == set()
