"""`make demo`: turn table writes into Kafka events, live, on real servers on this machine.

The demo is also a test: it succeeds only if exactly the expected events arrive.
"""

import time
from contextlib import nullcontext
from functools import partial

from rich.console import Console

from local.application import deployment
from local.commands import command
from local.commands.background import lock_stack, show_addresses
from local.demo.comparison import compare_events
from local.demo.feature_writes import plan_writes
from local.demo.run import write_and_read
from local.demo.summary import count_skipped, read_function_log, show_difference, show_summary
from local.errors import LocalError
from local.paths import DEFAULT_STACK
from local.servers.stack import RunningStack, Stack
from local.steps import Steps


def demo(console: Console, registry: str, *, is_kept: bool) -> int:
    """Start the servers, deploy the application, write items, and compare the events with the expected ones."""
    start = time.monotonic()
    with lock_stack("make demo KEEP=1") if is_kept else nullcontext(), Steps(console) as steps:
        if is_kept and RunningStack.find(DEFAULT_STACK, steps):
            raise LocalError("a local stack is already running; stop it with `make down`")
        with Stack(DEFAULT_STACK if is_kept else None, steps, concurrent_work=[deployment.build]) as stack:
            deployed = deployment.set_up(stack, registry)
            writes = plan_writes()
            arrivals = write_and_read(console, stack, writes)
            log = read_function_log(stack.clients, deployed.function)
            comparison = compare_events([event for write in writes for event in write.events], arrivals.events)
            show_summary(console, writes, arrivals, count_skipped(log))
            if not comparison.is_equal:
                show_difference(console, comparison, log)
                raise LocalError("the events in the topic differ from the expected events")
            if is_kept:
                stack.detach()
    seconds = time.monotonic() - start
    console.print(f"\n[bold green]success: exactly the expected events arrived[/] ({seconds:.1f} s in total)")
    if is_kept:
        show_addresses(console)
    return 0


def main() -> None:
    """Run `make demo`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the stack running")
    command.add_registry(parser)
    arguments = parser.parse_args()
    command.run(partial(demo, registry=arguments.registry, is_kept=arguments.keep))
