"""Attach tables to the deployed application with table.yaml and the AWS CLI, as a feature team does."""

import sys
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from local import bootstrap
from local.application import cloudformation
from local.environment import make_aws_environment, make_tool_environment
from local.paths import HOME, ROOT
from local.servers.stack import RunningStack, Stack

AWS_CLI = HOME / "oldest" / "bin" / "aws"
"""The AWS CLI, in a separate environment that is created on first use."""
TEMPLATE = ROOT / "table.yaml"
_SET_UP_SECONDS = 300.0
_DEPLOY_SECONDS = 120.0


def attach(
    stack: Stack | RunningStack,
    stream: str,
    name: str,
    application: str,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Attach the table with this stream to the application, in a stack with this name.

    `parameters` are further parameters of table.yaml.

    Raises:
        LocalError: the AWS CLI could not be installed, or the deployment failed.

    """
    _install_aws_cli(stack)
    values = {"Application": application, "StreamArn": stream, **parameters}
    overrides = [f"{key}={value}" for key, value in values.items()]
    command = [
        *(AWS_CLI, "cloudformation", "deploy", "--template-file", TEMPLATE, "--stack-name", name),
        *("--no-fail-on-empty-changeset", "--parameter-overrides", *overrides),
    ]
    environment = make_tool_environment(make_aws_environment(stack.aws))
    start = partial(stack.processes.start, f"attach-{name}", command, environment, ROOT)
    cloudformation.deploy(stack, name, start, _DEPLOY_SECONDS)


def _install_aws_cli(stack: Stack | RunningStack) -> None:
    if not bootstrap.find_stale(bootstrap.ON_REQUEST["oldest"]):
        return
    with stack.steps.step("AWS CLI") as step:
        step.begin_phase("installing")
        command = [sys.executable, "-S", ROOT / "local" / "bootstrap.py", "oldest"]
        stack.processes.start("aws-cli", command, make_tool_environment({}), ROOT).wait_for_success(_SET_UP_SECONDS)
        step.detail = "installed in .local/oldest, to deploy table.yaml"
