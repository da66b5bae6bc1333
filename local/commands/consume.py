"""`make consume`: run an example consumer on the topic of the running stack.

The example replaces this process, so it receives Ctrl-C and writes to the terminal directly.
"""

import os
import subprocess
from functools import partial

from rich.console import Console

from local.application.consumers import (
    WIRE_FORMATS,
    ExampleConsumer,
    find_readers,
    make_consumer_settings,
    read_consumers,
)
from local.application.deployment import find_registry
from local.commands import command
from local.commands.background import find_running
from local.environment import make_aws_environment, make_tool_environment, remove_proxies
from local.errors import LocalError
from local.servers.registry import GLUE
from local.servers.topic import TOPIC


def consume(console: Console, *, example: str) -> int:
    """Prepare the example, and replace this process with it."""
    examples = read_consumers()
    if example not in examples:
        raise LocalError(f"unknown example {example}: EXAMPLE must be one of {', '.join(examples)}")
    chosen = examples[example]
    missing = chosen.find_missing()
    if missing:
        raise LocalError(
            f"the example {example} needs {' and '.join(missing)}: install the missing programs, then run this command "
            "again"
        )
    stack = find_running()
    registry = find_registry(stack)
    if registry not in chosen.registries:
        raise LocalError(describe_mismatch(chosen, registry))
    settings = make_consumer_settings(stack.kafka, GLUE if registry == GLUE else stack.registry, TOPIC)
    environment = make_tool_environment({**settings, **make_aws_environment(stack.aws)})
    for each in chosen.prepare:
        if subprocess.run(each, cwd=chosen.directory, env=environment, check=False).returncode:
            raise LocalError(f"could not prepare the example {example}: {' '.join(each)} failed")
    console.print(f"examples/consumers/{example}: {' '.join(chosen.run)} (press Ctrl-C to stop)", highlight=False)
    os.chdir(chosen.directory)
    os.execvpe(chosen.run[0], list(chosen.run), remove_proxies(environment))  # noqa: S606 -- a command of this project, without a shell


def describe_mismatch(example: ExampleConsumer, registry: str) -> str:
    """Describe why this example cannot read the events of this stack, and which examples can."""
    formats = " and ".join(WIRE_FORMATS[each] for each in example.registries)
    return (
        f"the example {example.name} reads only {formats}, but this stack writes {WIRE_FORMATS[registry]}: "
        f"EXAMPLE must be one of {', '.join(find_readers(registry))}"
    )


def main() -> None:
    """Run `make consume`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("example", help="the name of a directory in examples/consumers")
    command.run(partial(consume, example=parser.parse_args().example))
