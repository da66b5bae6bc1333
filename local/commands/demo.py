"""`make demo`: table writes become Kafka events, live, against real servers on this machine.

It is also a test: it ends well only if exactly the events came that the writes had to give.
"""

import time
from contextlib import nullcontext
from functools import partial

from rich.console import Console

from local.application import deployment
from local.commands import command
from local.commands.exclusive import hold
from local.commands.running_stack import show_addresses
from local.demo.feature_writes import plan_writes
from local.demo.function_log import count_skipped, read_function_log
from local.demo.run import write_and_read
from local.demo.summary import show_difference, show_summary
from local.demo.verdict import to_verdict
from local.errors import LocalError
from local.paths import DEFAULT_STACK
from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def demo(console: Console, registry: str, *, is_kept: bool) -> int:
    """Starts, deploys, writes, reads and compares; 0 if exactly the expected events came."""
    start = time.monotonic()
    with hold("make demo KEEP=1") if is_kept else nullcontext(), Steps(console) as steps:
        if is_kept and RunningStack.find(DEFAULT_STACK, steps):
            raise LocalError("a local stack is up already: stop it first with `make down`")
        beside = [deployment.build]
        with Stack(DEFAULT_STACK if is_kept else None, steps, beside) as stack:
            deployed = deployment.set_up(stack, registry)
            writes = plan_writes()
            arrivals = write_and_read(console, stack, writes)
            log = read_function_log(stack.clients, deployed.function)
            verdict = to_verdict([event for write in writes for event in write.events], arrivals.events)
            show_summary(console, writes, arrivals, count_skipped(log))
            if not verdict.is_good:
                show_difference(console, verdict, log)
                raise LocalError("the events that came are not those that the writes had to give")
            if is_kept:
                stack.detach()
    console.print(f"\n[bold green]exactly the expected events came[/], in {time.monotonic() - start:.1f} s in all")
    if is_kept:
        show_addresses(console)
    return 0


def main() -> None:
    """Reads the command line and runs the demo."""
    parser = command.to_parser(__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack up afterwards")
    command.add_registry(parser)
    arguments = parser.parse_args()
    command.run(partial(demo, registry=arguments.registry, is_kept=arguments.keep))
