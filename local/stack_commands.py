"""`make up` and `make down`: a stack in the background, with the application deployed to it."""

import shutil
import sys

from rich.console import Console

from local import commands, deployment
from local.environment import REGION
from local.errors import LocalError
from local.paths import DEFAULT_STACK
from local.stack import RunningStack, Stack, end_recorded
from local.steps import Steps
from local.topic import create_topic

ITEM = (
    '{"bright_uid": "u-1", "category": "spending", '
    '"features": {"data": {"txn_count_30d": 18}, "meta": {"compute_id": "by-hand"}}}'
)


def up(console: Console) -> int:
    """Starts the stack and deploys to it; deploys anew to one that is up."""
    with Steps(console) as steps:
        running = RunningStack.find(DEFAULT_STACK, steps)
        if running is not None:
            with running:
                deployment.build(running)
                deployment.deploy(running)
        else:
            with Stack(DEFAULT_STACK, steps, beside=[deployment.build]) as stack:
                set_up(stack)
                stack.detach()
    show_addresses(console)
    return 0


def set_up(stack: Stack) -> deployment.Deployment:
    """Makes the topic and deploys the application."""
    with stack.steps.step("topic") as step:
        create_topic(stack.kafka)
        step.detail = "FEATURE_AVAILABILITY_EVENTS"
    return deployment.deploy(stack)


def down(console: Console) -> int:
    """Ends the stack and removes its data."""
    was_up = end_recorded(DEFAULT_STACK)
    shutil.rmtree(DEFAULT_STACK, ignore_errors=True)
    console.print("the local stack is stopped" if was_up else "no local stack is up")
    return 0


def find_running() -> RunningStack:
    """The stack that is up; an error that says how to start one where none is."""
    running = RunningStack.find(DEFAULT_STACK, Steps())
    if running is None:
        raise LocalError("no local stack is up: start one with `make up`, or with `make demo KEEP=1`")
    return running


def show_addresses(console: Console) -> None:
    """Prints where the stack is and a line to try it by hand."""
    stack = find_running()
    console.print()
    for name, address in (("Kafka", stack.kafka), ("schema registry", stack.registry), ("AWS", stack.aws)):
        console.print(f"  [bold]{name:16}[/] {address}", highlight=False)
    console.print("\nWrite an item by hand (`make tail` shows its event, `make down` stops the stack):\n")
    console.print(to_put_line(stack.aws), highlight=False, markup=False, soft_wrap=True)


def to_put_line(endpoint: str) -> str:
    """A shell command that writes one item, ready to paste."""
    login = f'region_name="{REGION}", aws_access_key_id="test", aws_secret_access_key="test"'
    table = f'boto3.resource("dynamodb", endpoint_url="{endpoint}", {login}).Table("user_feature_store")'
    return f"{sys.executable} -c 'import boto3; {table}.put_item(Item={ITEM})'"


def main() -> None:
    """Runs the command that the first argument names."""
    match sys.argv[1:]:
        case ["up"]:
            commands.run(up)
        case ["down"]:
            commands.run(down)
        case _:
            sys.exit("use: python -m local.stack up|down")
