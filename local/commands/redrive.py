"""`make redrive`: the deployed redrive function, run until all that was asked for has been looked at.

It takes the dead letters, or what was sent to the on-failure destination, and says what became of each record.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.application.deployment import find_deployment
from local.commands import command
from local.commands.running_stack import find_running
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

type Request = Mapping[str, Any]
type Report = Mapping[str, Any]
type Redriver = Callable[[Request], Report]
"""Answers a request as the redrive function does."""

COUNTS: Mapping[str, str] = {
    "delivered": "their events are in Kafka",
    "deliverable": "a run that is not dry would send their events",
    "skipped": "they rightly give no event",
    "stale": "left, since the table has another item now; FORCE=1 sends them all the same",
    "poison": "left, since they still cannot become events",
    "unchecked": "left, since their table could not be asked",
    "undelivered": "left, since it did not work now",
    "moved": "objects that went to redriven/",
    "missing": "objects that are not there",
    "unreadable": "objects left alone, since they hold no records or the function is not allowed to read them",
}
"""What is told of a run, where it is not nothing: a count of its report, and what it means."""
SHOWN = 10


def redrive(console: Console, request: Request) -> int:
    """Runs the function of the stack that is up on this request; 0 if nothing is left that another run may do."""
    stack = find_running()
    function = find_deployment(stack).outputs["RedriveFunctionName"]
    return run(console, partial(invoke, stack.clients.functions, function), request)


def run(console: Console, redriver: Redriver, request: Request) -> int:
    """Asks until the answer is complete, or no longer comes further; tells what became of all."""
    counts: Counter[str] = Counter()
    examples: list[Mapping[str, Any]] = []
    while True:
        report = redriver(request)
        # What did not work in the run before was tried again in this one
        counts["undelivered"] = 0
        counts.update({name: report[name] for name in COUNTS})
        examples = [each for each in examples if each["end"] != "undelivered"] + list(report["examples"])
        following = report.get("next", request)
        if following == request:
            break
        request = following
    _show(console, counts, examples)
    if not report["complete"]:
        raise LocalError("not all could be redriven: the examples above and the function's log say why")
    return 0


def invoke(functions: "LambdaClient", name: str, request: Request) -> Report:
    """The function's report.

    Raises:
        LocalError: it answered with an error.

    """
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(request).encode())
    report: Report = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        told = report.get("errorMessage", "it ended without a word")
        raise LocalError(f"the redrive function answers {report.get('errorType', 'an error')}: {told}")
    return report


def _show(console: Console, counts: Counter[str], examples: list[Mapping[str, Any]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, meaning in COUNTS.items():
        if counts[name]:
            table.add_row(f"[bold]{name}[/]", f"[cyan]{counts[name]}[/]", meaning)
    console.print(table if table.row_count else "  there is nothing to redrive")
    if examples:
        console.print()
    for example in examples[:SHOWN]:
        told = f"{example['object']}: {example['reason']}"
        console.print(f"  [yellow]{example['end']:12}[/] {escape(told)}", highlight=False, soft_wrap=True)
    if len(examples) > SHOWN:
        console.print("  and more, which are in the function's log", highlight=False)


def main() -> None:
    """Reads the command line and runs the redrive."""
    parser = command.to_parser(__doc__)
    parser.add_argument("--prefix", default="dead-letters/", help="redrive the objects whose keys begin so")
    parser.add_argument("--dry-run", action="store_true", help="only say what a run would do")
    parser.add_argument("--force", action="store_true", help="also send records whose table has another item now")
    given = vars(parser.parse_args())
    command.run(partial(redrive, request={name: value for name, value in given.items() if value}))
