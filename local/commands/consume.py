"""`make consume`: an example consumer reads the topic of the stack that is up.

The program takes the place of this one, so that Ctrl-C reaches it and nothing stands between it and the terminal.
"""

import os
import subprocess
from functools import partial

from rich.console import Console

from local.application.consumers import read_consumers, to_consumer_settings
from local.commands import command
from local.commands.running_stack import find_running
from local.environment import to_aws_environment, to_direct_environment, to_tool_environment
from local.errors import LocalError
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
    settings = to_consumer_settings(stack.kafka, stack.registry, TOPIC)
    environment = to_tool_environment({**settings, **to_aws_environment(stack.aws)})
    for each in chosen.prepare:
        if subprocess.run(each, cwd=chosen.directory, env=environment, check=False).returncode:
            raise LocalError(f"the example {example} could not be prepared: {' '.join(each)} failed")
    console.print(f"examples/consumers/{example}: {' '.join(chosen.run)} (Ctrl-C ends it)", highlight=False)
    os.chdir(chosen.directory)
    os.execvpe(chosen.run[0], list(chosen.run), to_direct_environment(environment))  # noqa: S606 -- our own command, without a shell


def main() -> None:
    """Reads the command line and runs the example."""
    parser = command.to_parser(__doc__)
    parser.add_argument("example", help="its name, as in examples/consumers")
    command.run(partial(consume, example=parser.parse_args().example))
