"""Create and update CloudFormation stacks by change sets, as `sam deploy` and `aws cloudformation deploy` do.

The commands themselves are tested by the guides, the demo and test_install.py. They take several times as long.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NotRequired, TypedDict
from uuid import uuid4

from botocore.exceptions import ClientError

from local.application.cloudformation import find_failure
from local.errors import LocalError
from local.servers.stack import RunningStack
from tests.template.document import Parameters

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

POLL_SECONDS = 0.1
LIMIT_SECONDS = 300.0


class TemplateSource(TypedDict):
    """Where CloudFormation finds a template."""

    TemplateURL: NotRequired[str]
    TemplateBody: NotRequired[str]


def deploy(stack: RunningStack, name: str, template: TemplateSource, parameters: Parameters) -> None:
    """Create or update a CloudFormation stack, and wait for it.

    Parameters of an existing stack that are not given keep their values.

    Raises:
        LocalError: the deployment failed. The error names the resource that failed first, if there is one.

    """
    cloudformation, started = stack.clients.cloudformation, datetime.now(UTC)
    before = _read_parameters(stack, name)
    values: list[ParameterTypeDef] = [{"ParameterKey": each, "ParameterValue": parameters[each]} for each in parameters]
    values += [{"ParameterKey": each, "UsePreviousValue": True} for each in before or () if each not in parameters]
    change_set = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=f"test-{uuid4().hex}",
        ChangeSetType="CREATE" if before is None else "UPDATE",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=values,
        **template,
    )["Id"]
    while cloudformation.describe_change_set(ChangeSetName=change_set)["Status"].endswith(("PENDING", "IN_PROGRESS")):
        time.sleep(POLL_SECONDS)
    cloudformation.execute_change_set(ChangeSetName=change_set)
    status = _wait_for_status(stack, name, lambda status: not status.endswith("_IN_PROGRESS"))
    if status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise LocalError(f"{name} failed: {find_failure(stack, name, started)}")


def delete(stack: RunningStack, name: str) -> None:
    """Delete a CloudFormation stack, and wait until it is gone."""
    stack.clients.cloudformation.delete_stack(StackName=name)
    status = _wait_for_status(stack, name, {"DELETE_COMPLETE", "DELETE_FAILED"}.__contains__)
    assert status == "DELETE_COMPLETE", f"{name} was not deleted: {status}"


def _wait_for_status(stack: RunningStack, name: str, is_wanted: Callable[[str], bool]) -> str:
    end = time.monotonic() + LIMIT_SECONDS
    while not is_wanted(status := _read_status(stack, name)):
        assert time.monotonic() < end, f"{name} is still {status}"
        time.sleep(POLL_SECONDS)
    return status


def _read_status(stack: RunningStack, name: str) -> str:
    found = _describe(stack, name)
    return "DELETE_COMPLETE" if found is None else found["StackStatus"]


def _read_parameters(stack: RunningStack, name: str) -> list[str] | None:
    """Return the names of a stack's parameters, or None if there is no such stack."""
    found = _describe(stack, name)
    return None if found is None else [each["ParameterKey"] for each in found.get("Parameters", [])]


def _describe(stack: RunningStack, name: str) -> "StackTypeDef | None":
    try:
        return stack.clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None
