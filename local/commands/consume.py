"""`make consume`: an example consumer reads the topic of the stack that is up.

The program takes the place of this one, so that Ctrl-C reaches it and nothing stands between it and the terminal.
"""

import os
import subprocess
from functools import partial

from rich.console import Console

from local.application.consumers import (
    WIRE_FORMATS,
    ExampleConsumer,
    find_readers,
    read_consumers,
    to_consumer_settings,
)
from local.application.deployment import find_registry
from local.commands import command
from local.commands.running_stack import find_running
from local.environment import to_aws_environment, to_direct_environment, to_tool_environment
from local.errors import LocalError
from local.servers.registry import GLUE
from local.servers.topic import TOPIC


def consume(console: Console, *, example: str) -> int:
    """Prepares the example, and becomes it."""
    examples = read_consumers()
    if example not in examples:
        raise LocalError(f"there is no example {example}: EXAMPLE must be one of {', '.join(examples)}")
    chosen = examples[example]
    missing = chosen.find_missing()
    if missing:
        raise LocalError(f"the example {example} needs {' and '.join(missing)}, which this machine has not: install it")
    stack = find_running()
    registry = find_registry(stack)
    if registry not in chosen.registries:
        raise LocalError(to_refusal(chosen, registry))
    settings = to_consumer_settings(stack.kafka, GLUE if registry == GLUE else stack.registry, TOPIC)
    environment = to_tool_environment({**settings, **to_aws_environment(stack.aws)})
    for each in chosen.prepare:
        if subprocess.run(each, cwd=chosen.directory, env=environment, check=False).returncode:
            raise LocalError(f"the example {example} could not be prepared: {' '.join(each)} failed")
    console.print(f"examples/consumers/{example}: {' '.join(chosen.run)} (Ctrl-C ends it)", highlight=False)
    os.chdir(chosen.directory)
    os.execvpe(chosen.run[0], list(chosen.run), to_direct_environment(environment))  # noqa: S606 -- our own command, without a shell


def to_refusal(example: ExampleConsumer, registry: str) -> str:
    """Return what to tell someone whose example cannot read what this stack writes."""
    formats = " and ".join(WIRE_FORMATS[each] for each in example.registries)
    return (
        f"the example {example.name} reads {formats} only, but this stack writes {WIRE_FORMATS[registry]}: "
        f"EXAMPLE must be one of {', '.join(find_readers(registry))}"
    )


def main() -> None:
    """Reads the command line and runs the example."""
    parser = command.to_parser(__doc__)
    parser.add_argument("example", help="its name, as in examples/consumers")
    command.run(partial(consume, example=parser.parse_args().example))
