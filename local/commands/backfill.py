"""`make backfill`: run the deployed backfill state machine on a table of the local stack.

The command shows the progress, and then the report.
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
from local.commands.background import use_running
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

type Request = Mapping[str, Any]
type Report = Mapping[str, Any]

COUNTS: Mapping[str, str] = {
    "items": "items read",
    "announced": "items whose current event is in the topic",
    "missing": "items whose event is missing",
    "outdated": "items whose current event says something else",
    "unjudged": "items that are older than the topic, or kept changing",
    "delivered": "events sent to Kafka",
    "deliverable": "events that would be sent without DRY_RUN=1",
    "again": "of these events were sent a second time, because their items had changed",
    "still_changing": "items kept changing; their live events are the current ones",
    "poison": "items that cannot become events",
}
"""The counts of a report that are printed if they are not zero, each with its meaning."""
SEGMENTS = 4
"""The number of segments. The local stack runs them all concurrently, whatever `workers` is."""
POLL_SECONDS = 0.5


def backfill(console: Console, request: Request) -> int:
    """Run the state machine of the running stack with this request, and print the report."""
    with use_running() as stack:
        machine = find_deployment(stack).outputs["BackfillStateMachineArn"]
        show(console, run(console, stack.clients.states, machine, request))
    return 0


def run(console: Console, states: "SFNClient", machine: str, request: Request) -> Report:
    """Start an execution, show its progress until it ends, and return its report.

    Raises:
        LocalError: the execution failed. The error contains the cause.

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
            error.add_note(f"the progress is saved; run the same command with RUN={name} to resume")
        raise error
    report: Report = json.loads(found["output"])
    return report


def _find_cause(states: "SFNClient", execution: str) -> str:
    """Return the cause of the first failed segment, or else of the execution."""
    failed = execution
    for each in states.list_map_runs(executionArn=execution)["mapRuns"]:
        children = states.list_executions(mapRunArn=each["mapRunArn"], statusFilter="FAILED")["executions"]
        failed = children[0]["executionArn"] if children else failed
    found = states.describe_execution(executionArn=failed)
    error, cause = found.get("error", "unknown error"), found.get("cause", "")
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, TypeError, KeyError):
        message = cause
    return f"{error}: {message}" if message else error


def show(console: Console, report: Report) -> None:
    """Print the outcome of the table's items."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for name, meaning in COUNTS.items():
        if report.get(name):
            table.add_row(f"[bold]{name}[/]", f"[cyan]{report[name]}[/]", meaning)
    for reason, count in report["skipped"].items():
        table.add_row("[bold]skipped[/]", f"[cyan]{count}[/]", escape(reason))
    console.print(table if table.row_count else "  the table is empty")
    for example in report["examples"]:
        console.print(f"  [yellow]poison[/] {example['items']}: {escape(example['reason'])}", highlight=False)
    console.print(f"  run {report['run']}, {report['segments']} segments", highlight=False, soft_wrap=True)


def main() -> None:
    """Run `make backfill`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--table", default=USERS, help="the table whose items are announced")
    parser.add_argument("--dry-run", action="store_true", help="only count the events that a run would send")
    parser.add_argument("--missing-only", action="store_true", help="announce only what the topic does not have")
    parser.add_argument("--since", help="with --missing-only, the time since which the topic is read")
    parser.add_argument("--run", help="resume the run with this name")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value}
    request = {"segments": SEGMENTS, "workers": SEGMENTS, **given}
    command.run(partial(backfill, request=request))
