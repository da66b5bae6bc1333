"""Deploy CloudFormation stacks to the local stack, and read their outputs."""

from collections.abc import Callable
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalError
from local.servers.processes import Process
from local.servers.stack import RunningStack, Stack

_FAILED = ("CREATE_FAILED", "UPDATE_FAILED")


def deploy(stack: Stack | RunningStack, name: str, start: Callable[[], Process], limit: float) -> None:
    """Run a tool that deploys the stack with this name, and wait until it succeeds.

    Raises:
        LocalError: the deployment failed. The error names the first failed resource, if there is one.

    """
    started = datetime.now(UTC)
    process = start()
    try:
        process.wait_for_success(limit, stack.check)
    except LocalError as error:
        stack.check()
        failure = find_failure(stack, name, started)
        if failure is None:
            raise
        raise LocalError(f"{process.name} failed: {failure}\n  see {process.name}.log for the full output") from error


def read_outputs(stack: Stack | RunningStack, name: str) -> dict[str, str]:
    """Return the outputs of the stack with this name."""
    (described,) = stack.clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def find_failure(stack: Stack | RunningStack, name: str, since: datetime) -> str | None:
    """Return the first failure of a deployment, which caused the later failures and the rollback."""
    try:
        pages = stack.clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        events = [event for page in pages for event in page["StackEvents"] if event["Timestamp"] >= since]
    except (ClientError, BotoCoreError):
        return None
    # Events are listed in reverse order. A cancelled resource is a consequence of an earlier failure.
    for event in reversed(events):
        reason = event.get("ResourceStatusReason", "")
        if event.get("ResourceStatus") in _FAILED and "cancelled" not in reason:
            what = f"{event.get('LogicalResourceId')} ({event.get('ResourceType')})"
            return f"{what} {event.get('ResourceStatus')}: {reason or 'no reason given'}"
    return None
