"""Package and deploy the templates with the AWS CLI, without the SAM CLI."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local.application import attachment, deployment
from local.application.artefacts import ARCHITECTURE, Artefacts
from tests.support.topics import wait_for_topic
from tests.template.deployment.account import Account, to_table_arn


def run_aws(account: Account, *arguments: str) -> None:
    """Run a command of the AWS CLI."""
    command = [str(attachment.AWS_CLI), *arguments]
    done = subprocess.run(command, env=account.make_environment(), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("oldest_runtime")
def test_aws_cli__packages_and_deploys_both_templates(
    account: Account,
    artefacts: Artefacts,
    topic: Callable[..., str],
    remove: Callable[[str], None],
    tmp_path: Path,
) -> None:
    """`aws cloudformation package` finds every artefact, and the application publishes events of an attached table.

    The template exceeds CloudFormation's limit for inline templates, so its deployment needs a bucket:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    name, ((table, stream),) = topic(), account.make_tables(1).items()
    account.stack.clients.s3.create_bucket(Bucket="packages")
    remove("packaged")
    parameters = {
        **deployment.make_parameters(account.stack),
        "OwnTables": "false",
        "TopicName": name,
        "TableArns": to_table_arn(stream),
    }
    attached = {"Application": "packaged", "StreamArn": stream}
    for template, stack, values in (
        (artefacts.template, "packaged", parameters),
        (attachment.TEMPLATE, account.name_attachment("packaged", stream), attached),
    ):
        packaged = str(tmp_path / f"{stack}.yaml")
        place = ["--s3-bucket", "packages", "--output-template-file", packaged]
        run_aws(account, "cloudformation", "package", "--template-file", str(template), *place)
        overrides = [f"{key}={value}" for key, value in values.items()]
        options = ["--s3-bucket", "packages", "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *overrides]
        deploy = ["cloudformation", "deploy", "--template-file", packaged, "--stack-name", stack]
        run_aws(account, *deploy, *options)
    function = account.read_function("packaged")
    assert function["Architectures"] == [ARCHITECTURE]
    assert account.check("packaged", table)["ok"] is True
    account.put(table, "device_id", "packaged")
    assert [event.key for event in wait_for_topic(account.stack.kafka, name, 1)] == [b"packaged"]
