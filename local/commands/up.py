"""`make up`: a stack in the background, with the application deployed to it."""

from rich.console import Console

from local.application import deployment
from local.commands import command
from local.commands.exclusive import hold
from local.commands.running_stack import show_addresses
from local.paths import DEFAULT_STACK
from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def up(console: Console) -> int:
    """Starts the stack and deploys to it; deploys again to one that is up."""
    with hold("make up"), Steps(console) as steps:
        running = RunningStack.find(DEFAULT_STACK, steps)
        if running is not None:
            with running:
                deployment.build(running)
                deployment.deploy_to_tables(running)
        else:
            with Stack(DEFAULT_STACK, steps, beside=[deployment.build]) as stack:
                deployment.set_up(stack)
                stack.detach()
    show_addresses(console)
    return 0


def main() -> None:
    """Runs the command."""
    command.run(up)
