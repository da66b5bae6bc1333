"""A release is installed from its zip file with the AWS CLI alone, by the commands of its INSTALL.md.

The test runs the commands as written and in order. It replaces the placeholders and the name of the stack, which other
tests use too.
"""

import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import pytest

from feature_events import VERSION
from local.application.artefacts import ARCHITECTURE, SAM
from local.environment import make_aws_environment
from local.paths import TOOLS
from tests.docs.pages import read_commands
from tests.support.topics import wait_for_topic
from tests.template.deployment.account import Account

STACK = "installed"


class Folder:
    """An unpacked release on a machine that has only the AWS CLI."""

    def __init__(self, home: Path, programs: Path, endpoint: str) -> None:
        self.home = home
        self.names: dict[str, str] = {"feature-events": STACK}
        self._page = (home / "INSTALL.md").read_text()
        self._environment = make_aws_environment(endpoint) | {"PATH": str(programs), "HOME": str(home)}

    def read_section(self, heading: str) -> str:
        """Return the text below a heading of the page, up to the next one."""
        (section,) = re.findall(rf"^#+ {heading}.*?\n(.*?)(?=^#+ |\Z)", self._page, re.DOTALL | re.MULTILINE)
        return str(section)

    def run(self, command: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
        """Run a command with additional variables, and return its output."""
        for name, value in sorted(self.names.items(), key=lambda item: -len(item[0])):
            command = command.replace(name, value)
        assert "YOUR_" not in command
        done = subprocess.run(  # noqa: S603 -- commands of the page
            ["/bin/sh", "-euc", command],
            cwd=self.home,
            env={**self._environment, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def configure(self, values: Mapping[str, str]) -> None:
        """Write values into parameters.json, and delete the lines with other placeholders."""
        file = self.home / "parameters.json"
        text = file.read_text()
        for name, value in values.items():
            text = re.sub(rf"(\"{name}=)[^\"]*", rf"\g<1>{value}", text)
        file.write_text("".join(line for line in text.splitlines(keepends=True) if "=YOUR_" not in line))


@pytest.fixture
def folder(account: Account, release: Path, oldest_runtime: Path, tmp_path: Path) -> Iterator[Folder]:
    """Unpack the release. The only program on the PATH is the AWS CLI."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "aws").symlink_to(oldest_runtime / "aws")
    zipfile.ZipFile(release).extractall(tmp_path / "release")
    yield Folder(tmp_path / "release", programs, account.stack.aws)
    account.delete(STACK)


@pytest.fixture
def table(account: Account) -> str:
    """Create a table of the default layout without a stream, and return its name."""
    name = f"team_table_{uuid4().hex[:8]}"
    account.stack.clients.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("device_id", "category")],
        KeySchema=[
            {"AttributeName": "device_id", "KeyType": "HASH"},
            {"AttributeName": "category", "KeyType": "RANGE"},
        ],
    )
    return name


def test_page__installs_the_application_and_attaches_a_table(
    account: Account, folder: Folder, table: str, topic: Callable[..., str]
) -> None:
    """An event of the table arrives. `sam deploy` then updates the stack without a build."""
    name, alarms = topic(), account.client("sns").create_topic(Name=STACK)["TopicArn"]
    folder.names |= {"YOUR_BUCKET": f"{STACK}-code", "YOUR_TABLE": table, "YOUR_ALARM_TOPIC_ARN": alarms}
    bucket, enable, describe, package, deploy, outputs, attach, *check = read_commands(folder.read_section("Install"))
    folder.run(bucket)
    folder.run(enable)
    arn, stream = folder.run(describe).split()
    values = {
        "TableArns": arn,
        "KafkaBrokerUrl": account.stack.kafka,
        "KafkaAuth": "none",
        "SchemaRegistry": account.stack.registry,
        "AlarmTopicArn": alarms,
        "Architecture": ARCHITECTURE,
        "TopicName": name,
    }
    folder.configure(values)
    folder.run(package)
    folder.run(deploy)
    folder.names |= {"YOUR_STREAM_ARN": stream, "YOUR_ATTACHMENT": account.name_attachment(STACK, stream)}
    folder.run(attach)
    report = [folder.run(command) for command in check][-1]
    assert report.startswith('{"ok": true'), report
    assert f"layout of {table}" in report
    assert dict(line.split() for line in folder.run(outputs).splitlines())["Version"] == VERSION
    account.put(table, "device_id", "installed")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"installed"]

    copy, deploy = read_commands(folder.read_section("With the SAM CLI"))
    settings = {"PATH": f"{TOOLS}:{os.defpath}", "__SAM_CLI_APP_DIR": str(SAM), "SAM_CLI_TELEMETRY": "0"}
    folder.run(copy, settings)
    assert f"Successfully created/updated stack - {STACK}" in folder.run(deploy, settings)
