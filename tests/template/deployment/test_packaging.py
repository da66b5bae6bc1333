"""The application without the SAM CLI: built, then packaged and deployed by the AWS CLI's own commands."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from local.application import attachment, deployment
from local.application.artefacts import ARCHITECTURE
from tests.support.topics import wait_for_topic
from tests.template.deployment.account import Account, to_table_arn


def run_aws(account: Account, *arguments: str) -> None:
    """Run a command of the AWS CLI, which must succeed."""
    command = [str(attachment.AWS_CLI), *arguments]
    done = subprocess.run(command, env=account.to_environment(), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr


def test_aws_cli__packages_and_deploys_both_templates(
    account: Account, topic: Callable[..., str], remove: Callable[[str], None], oldest_runtime: Path, tmp_path: Path
) -> None:
    """`aws cloudformation package` finds every artefact, and the deployed application publishes an attached table.

    The application's template is larger than what CloudFormation accepts inline, so its deployment needs a bucket:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert attachment.AWS_CLI.parent == oldest_runtime
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
    if not (built := account.stack.directory / "build" / "template.yaml").exists():
        deployment.build(account.stack)
    for template, stack, values in (
        (built, "packaged", parameters),
        (attachment.TEMPLATE, account.to_attachment("packaged", stream), attached),
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
