"""The stack in the background: how a command finds it, and where it is.

A command that needs one says how to start it where there is none.
"""

from rich.console import Console

from local.application.consumers import find_readers
from local.application.deployment import find_registry
from local.environment import REGION
from local.errors import LocalError
from local.paths import DEFAULT_STACK
from local.servers.registry import GLUE
from local.servers.stack import RunningStack
from local.steps import Steps

CONSUME = "make consume"
NEXT = {
    "make put": "writes an item",
    "make tail": "shows events as they come",
    CONSUME: "runs an example consumer (docs/consuming.md)",
    "make redrive": "sends dead letters again",
    "make backfill": "announces what a table already holds",
    "make down": "stops the stack",
}


def find_running() -> RunningStack:
    """The stack that is up; an error that says how to start one where none is."""
    running = RunningStack.find(DEFAULT_STACK, Steps())
    if running is None:
        raise LocalError("no local stack is up: start one with `make up`, or with `make demo KEEP=1`")
    return running


def show_addresses(console: Console) -> None:
    """Prints where the stack is and how to try it by hand."""
    stack = find_running()
    registry = find_registry(stack)
    console.print()
    shown = "AWS Glue, at the address of AWS" if registry == GLUE else stack.registry
    for name, address in (("Kafka", stack.kafka), ("registry", shown), ("AWS", stack.aws)):
        console.print(f"  [bold]{name:9}[/] {address}", highlight=False, soft_wrap=True)
    console.print()
    for command, what in NEXT.items():
        readers = f"; EXAMPLE={' or '.join(find_readers(GLUE))}" if (command, registry) == (CONSUME, GLUE) else ""
        console.print(f"  [bold]{command:13}[/] {what}{readers}", highlight=False)
    console.print("\nFor `aws`, `sam remote invoke` and boto3:\n", highlight=False)
    for line in to_exports(stack.aws):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def to_exports(endpoint: str) -> list[str]:
    """Shell commands after which AWS's own tools reach this endpoint, whatever profile or proxy the shell had."""
    return [
        f"export AWS_ENDPOINT_URL={endpoint}",
        f"export AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}",
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        "export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1",
        "unset AWS_PROFILE AWS_SESSION_TOKEN",
    ]
