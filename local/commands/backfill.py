"""`make backfill`: the deployed state machine, run on a table of the local stack.

It shows how far the run is while it works, and then its report.
"""

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.application.deployment import find_deployment
from local.application.feature_tables import USERS
from local.commands import command
from local.commands.running_stack import find_running
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

type Request = Mapping[str, Any]
type Report = Mapping[str, Any]

COUNTS: Mapping[str, str] = {
    "items": "items were read",
    "delivered": "events are in Kafka",
    "deliverable": "events would be sent by a run that is not dry",
    "again": "of them were sent once more, since their items had changed",
    "poison": "items cannot become events",
}
"""What is told of a run, where it is not nothing: a count of its report, and what it means."""
SEGMENTS = 4
"""How many parts of the table are worked on. The local stack gives each a process at once, whatever `workers` says."""
POLL_SECONDS = 0.5


def backfill(console: Console, request: Request) -> int:
    """Runs the state machine of the stack that is up on this request; 0 when all of the table has been read."""
    stack = find_running()
    machine = find_deployment(stack).outputs["BackfillStateMachineArn"]
    show(console, run(console, stack.clients.states, machine, request))
    return 0


def run(console: Console, states: "SFNClient", machine: str, request: Request) -> Report:
    """Starts an execution, shows how many segments are done until it ends, and gives its report.

    Raises:
        LocalError: it failed, with the cause.

    """
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(request))["executionArn"]
    columns = (TextColumn("segments"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        try:
            while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
                for each in states.list_map_runs(executionArn=execution)["mapRuns"]:
                    counts = states.describe_map_run(mapRunArn=each["mapRunArn"])["itemCounts"]
                    progress.update(task, completed=counts["succeeded"], total=counts["total"])
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            states.stop_execution(executionArn=execution)
            raise
    if found["status"] != "SUCCEEDED":
        error = LocalError(f"the backfill {found['status'].lower()}: {_find_cause(states, execution)}")
        if states.list_map_runs(executionArn=execution)["mapRuns"]:
            name = request.get("run") or execution.rpartition(":")[2]
            error.add_note(f"what it did is kept: the same command with RUN={name} goes on")
        raise error
    report: Report = json.loads(found["output"])
    return report


def _find_cause(states: "SFNClient", execution: str) -> str:
    """Why an execution failed: what its first failed segment says, or else itself."""
    failed = execution
    for each in states.list_map_runs(executionArn=execution)["mapRuns"]:
        children = states.list_executions(mapRunArn=each["mapRunArn"], statusFilter="FAILED")["executions"]
        failed = children[0]["executionArn"] if children else failed
    found = states.describe_execution(executionArn=failed)
    cause = found.get("cause", "")
    try:
        told = json.loads(cause)["errorMessage"]
    except (ValueError, TypeError, KeyError):
        told = cause
    return f"{found.get('error', 'no error is named')}: {told}" if told else found.get("error", "nothing says why")


def show(console: Console, report: Report) -> None:
    """Prints what became of the table's items."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, meaning in COUNTS.items():
        if report[name]:
            table.add_row(f"[bold]{name}[/]", f"[cyan]{report[name]}[/]", meaning)
    for reason, count in report["skipped"].items():
        table.add_row("[bold]skipped[/]", f"[cyan]{count}[/]", escape(reason))
    console.print(table if table.row_count else "  the table is empty")
    for example in report["examples"]:
        console.print(f"  [yellow]poison[/] {example['items']}: {escape(example['reason'])}", highlight=False)
    console.print(f"  run {report['run']}, in {report['segments']} segments", highlight=False, soft_wrap=True)


def main() -> None:
    """Reads the command line and runs the backfill."""
    parser = command.to_parser(__doc__)
    parser.add_argument("--table", default=USERS, help="announce the items of this table")
    parser.add_argument("--dry-run", action="store_true", help="only count what a run would send")
    parser.add_argument("--run", help="go on with the run of this name")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value}
    request = {"segments": SEGMENTS, "workers": SEGMENTS, **given}
    command.run(partial(backfill, request=request))
