"""`make redrive`: invoke the deployed redrive function until it has processed every requested object.

It redrives dead letters or objects of the on-failure destination, and prints the outcome of their records.
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
from local.commands.background import use_running
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

type Request = Mapping[str, Any]
type Report = Mapping[str, Any]
type Redriver = Callable[[Request], Report]
"""The redrive function, as a call from a request to a report."""

COUNTS: Mapping[str, str] = {
    "delivered": "records whose events were sent to Kafka",
    "deliverable": "records whose events would be sent without DRY_RUN=1",
    "skipped": "records that produce no event by design",
    "stale": "records kept: the item has changed; FORCE=1 sends them anyway",
    "poison": "records kept: they still cannot become events",
    "unchecked": "records kept: the function is not allowed to read their table",
    "undelivered": "records kept: they could not be delivered, or their items could not be read in time",
    "moved": "objects moved to redriven/",
    "missing": "objects that do not exist",
    "unreadable": "objects kept: they contain no records, or the function cannot read them",
}
"""The counts of a report that are printed if they are not zero, each with its meaning."""
SHOWN = 10


def redrive(console: Console, request: Request) -> int:
    """Send this request to the redrive function of the running stack."""
    with use_running() as stack:
        function = find_deployment(stack).outputs["RedriveFunctionName"]
        return run(console, partial(invoke, stack.clients.functions, function), request)


def run(console: Console, redriver: Redriver, request: Request) -> int:
    """Invoke the function until it makes no more progress, and print the outcome of all records.

    Raises:
        LocalError: some records could not be redriven.

    """
    counts: Counter[str] = Counter()
    examples: list[Mapping[str, Any]] = []
    while True:
        report = redriver(request)
        # This invocation retried the undelivered records of the previous one
        counts["undelivered"] = 0
        counts.update({name: report[name] for name in COUNTS})
        examples = [each for each in examples if each["end"] != "undelivered"] + list(report["examples"])
        following = report.get("next", request)
        if following == request:
            break
        request = following
    _show(console, counts, examples)
    if not report["complete"]:
        raise LocalError("some records could not be redriven; see the examples above and the function's log")
    return 0


def invoke(functions: "LambdaClient", name: str, request: Request) -> Report:
    """Invoke the function once, and return its report.

    Raises:
        LocalError: the function returned an error.

    """
    response = functions.invoke(FunctionName=name, Payload=json.dumps(request).encode())
    report: Report = json.loads(response["Payload"].read())
    if response.get("FunctionError"):
        message = report.get("errorMessage", "no error message")
        raise LocalError(f"the function {name} failed with {report.get('errorType', 'an unknown error')}: {message}")
    return report


def _show(console: Console, counts: Counter[str], examples: list[Mapping[str, Any]]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, meaning in COUNTS.items():
        if counts[name]:
            table.add_row(f"[bold]{name}[/]", f"[cyan]{counts[name]}[/]", meaning)
    console.print(table if table.row_count else "  no objects to redrive")
    if examples:
        console.print()
    for example in examples[:SHOWN]:
        text = f"{example['object']}: {example['reason']}"
        console.print(f"  [yellow]{example['end']:12}[/] {escape(text)}", highlight=False, soft_wrap=True)
    if len(examples) > SHOWN:
        console.print(f"  and {len(examples) - SHOWN} more; see the function's log", highlight=False)


def main() -> None:
    """Run `make redrive`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--prefix", default="dead-letters/", help="redrive the objects whose keys have this prefix")
    parser.add_argument("--dry-run", action="store_true", help="only report what a run would do")
    parser.add_argument("--force", action="store_true", help="also send records whose item has changed")
    given = vars(parser.parse_args())
    command.run(partial(redrive, request={name: value for name, value in given.items() if value}))
