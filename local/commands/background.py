"""`make up` and `make down`: start and stop the local stack in the background. Other commands find it here."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from local.application import deployment
from local.application.consumers import find_readers
from local.application.feature_tables import LAYOUTS
from local.commands import command
from local.environment import REGION
from local.errors import LocalError
from local.paths import DEFAULT_STACK, HOME
from local.servers.registry import GLUE
from local.servers.stack import RunningStack, Stack, StackRecord, end_recorded
from local.steps import Steps
from local.trials.layouts_file import read_layouts_text

LOCK = HOME / "stack.lock"
CONSUME = "make consume"
NEXT = {
    "make put": "write an item",
    "make tail": "show events as they arrive",
    CONSUME: "run an example consumer (docs/consuming.md)",
    "make redrive": "resend dead letters",
    "make trace": "show what the topic says about an item",
    "make backfill": "announce the existing items of a table",
    "make pause": "suspend Kafka for a minute, as in an outage",
    "make down": "stop the stack",
}
"""The commands to try on a running stack."""


def start(console: Console, registry: str, layouts: str) -> int:
    """Start the stack and deploy the application, or redeploy the application to a running stack."""
    table_layouts = read_layouts_text(layouts)
    with lock_stack("make up"), Steps(console) as steps:
        running = RunningStack.find(DEFAULT_STACK, steps)
        if running is not None:
            with running:
                deployment.build(running)
                deployment.deploy_with_tables(running, registry, table_layouts)
        else:
            with Stack(DEFAULT_STACK, steps, concurrent_work=[deployment.build]) as stack:
                deployment.set_up(stack, registry, table_layouts)
                stack.detach()
    show_addresses(console)
    return 0


def stop(console: Console) -> int:
    """Stop the stack and delete its data."""
    with lock_stack("make down"):
        was_up = end_recorded(DEFAULT_STACK)
        shutil.rmtree(DEFAULT_STACK, ignore_errors=True)
    console.print("stopped the local stack" if was_up else "no local stack is running")
    return 0


@contextlib.contextmanager
def lock_stack(command: str, lock: Path = LOCK) -> Iterator[None]:
    """Allow one command at a time to start or stop the stack. The system releases the lock when the process ends.

    Otherwise, concurrent commands would stop each other's processes and delete each other's data.

    Raises:
        LocalError: another command holds the lock.

    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "another command"
            raise LocalError(f"{holder} is starting or stopping the local stack; wait until it has finished") from None
        file.truncate(0)
        file.write(f"`{command}` (process {os.getpid()})")
        file.flush()
        yield


def find_running() -> RunningStack:
    """Find the running stack.

    Raises:
        LocalError: no stack is running, or a server has died. The error says how to start one, or names the log.

    """
    record = StackRecord.read(DEFAULT_STACK)
    if record is None or not any(process.is_running() for process in record.processes):
        raise LocalError("no local stack is running; start one with `make up` or `make demo KEEP=1`")
    running = RunningStack(DEFAULT_STACK, Steps(), record)
    running.check()
    return running


@contextlib.contextmanager
def use_running() -> Iterator[RunningStack]:
    """Find the running stack for a block of code. If the block fails because a server has died or is paused, say so."""
    stack = find_running()
    try:
        yield stack
    except Exception as error:
        stack.check()
        if any(broker.is_suspended() for broker in stack.brokers):
            error.add_note("Kafka is paused by `make pause`; try again when it runs")
        raise


def show_addresses(console: Console) -> None:
    """Print the addresses of the stack, and the commands to try."""
    stack = find_running()
    registry = deployment.find_registry(stack)
    console.print()
    registry_address = "AWS Glue, at the AWS address below" if registry == GLUE else stack.registry
    for name, address in (("Kafka", stack.kafka), ("registry", registry_address), ("AWS", stack.aws)):
        console.print(f"  [bold]{name:9}[/] {address}", highlight=False, soft_wrap=True)
    console.print()
    for each, purpose in NEXT.items():
        readers = f"; EXAMPLE={' or '.join(find_readers(GLUE))}" if (each, registry) == (CONSUME, GLUE) else ""
        console.print(f"  [bold]{each:13}[/] {purpose}{readers}", highlight=False)
    console.print("\nTo use `aws`, `sam remote invoke` or boto3 with this stack, run:\n", highlight=False)
    for line in make_exports(stack.aws):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def make_exports(endpoint: str) -> list[str]:
    """Return shell commands that point AWS tools to this endpoint, whatever profile or proxy the shell uses."""
    return [
        f"export AWS_ENDPOINT_URL={endpoint}",
        f"export AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}",
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        "export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1",
        "unset AWS_PROFILE AWS_SESSION_TOKEN",
    ]


def main_up() -> None:
    """Run `make up`."""
    parser = command.make_parser("Start the local stack in the background and deploy the application to it.")
    command.add_registry(parser)
    parser.add_argument(
        "--layouts",
        default=LAYOUTS,
        help="the layouts of all tables: a file, or names of files in schemas/table_layouts",
    )
    given = parser.parse_args()
    command.run(partial(start, registry=given.registry, layouts=given.layouts))


def main_down() -> None:
    """Run `make down`."""
    command.run(stop)
