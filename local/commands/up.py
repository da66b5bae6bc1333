"""`make up`: a stack in the background, with the application deployed to it."""

from functools import partial

from rich.console import Console

from local.application import deployment
from local.commands import command
from local.commands.exclusive import hold
from local.commands.running_stack import show_addresses
from local.paths import DEFAULT_STACK
from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def up(console: Console, registry: str) -> int:
    """Starts the stack and deploys to it; deploys again to one that is up."""
    with hold("make up"), Steps(console) as steps:
        running = RunningStack.find(DEFAULT_STACK, steps)
        if running is not None:
            with running:
                deployment.build(running)
                deployment.deploy_with_tables(running, registry)
        else:
            with Stack(DEFAULT_STACK, steps, beside=[deployment.build]) as stack:
                deployment.set_up(stack, registry)
                stack.detach()
    show_addresses(console)
    return 0


def main() -> None:
    """Runs the command."""
    parser = command.to_parser(__doc__)
    command.add_registry(parser)
    command.run(partial(up, registry=parser.parse_args().registry))
