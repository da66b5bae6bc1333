"""`make trace`: ask the deployed backfill function whether the topic says what an item says.

It prints the event that the item would produce now, the item's events in the topic, and the verdict.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.application.deployment import find_deployment
from local.application.feature_tables import KEYS, USERS
from local.commands import command
from local.commands.background import use_running
from local.commands.put_and_tail import CATEGORY, ENTITY
from local.commands.redrive import invoke
from local.errors import LocalError

type Request = Mapping[str, Any]
type Report = Mapping[str, Any]

PUT_KEY = json.dumps(dict(zip(KEYS[USERS], (ENTITY, CATEGORY), strict=True)))
"""The key of the item that `make put` writes."""
COLORS = {"announced": "green", "missing": "red", "outdated": "red"}
FEATURES_SHOWN = 5


def trace(console: Console, request: Request) -> int:
    """Send this request to the backfill function of the running stack, and print the report."""
    with use_running() as stack:
        name = f"{find_deployment(stack).name}-backfill"
        show(console, invoke(stack.clients.functions, name, {"trace": request}))
    return 0


def show(console: Console, report: Report) -> None:
    """Print the report."""
    now = report["no_event"] and f"no event: {report['no_event']}"
    rows = {
        "item": ", ".join(f"{name} {next(iter(value.values()))}" for name, value in report["key"].items()),
        "it says now": now or _describe(report["event"]),
        "the topic says": _describe(report["current"]) if report["current"] else "nothing",
    }
    table = Table(box=None, show_header=False, padding=(0, 1))
    for label, text in rows.items():
        table.add_row(f"[bold]{label}[/]", escape(text))
    console.print(table)
    for each in report["events"]:
        at = f"{each['partition']}/{each['offset']}"
        marks = ("backfilled", each["backfilled"]), ("current", each["current"])
        notes = "".join(f", {name}" for name, is_set in marks if is_set)
        line = f"  {at:8} {each['message_timestamp']} {each['event_type']} {each['event_id']}{notes}"
        console.print(line, highlight=False, soft_wrap=True)
    if report["events_found"] > len(report["events"]):
        console.print(f"  and {report['events_found'] - len(report['events'])} earlier ones", highlight=False)
    verdict = report["verdict"]
    color = COLORS.get(verdict, "yellow")
    console.print(f"[bold {color}]{verdict}[/]: {escape(report['reason'])}", highlight=False, soft_wrap=True)
    console.print(f"[dim]events since {report['since']}[/]", highlight=False)


def _describe(event: Mapping[str, Any]) -> str:
    features = event["features"]
    more = f" +{len(features) - FEATURES_SHOWN}" if len(features) > FEATURES_SHOWN else ""
    names = ", ".join(features[:FEATURES_SHOWN]) + more or "no features"
    return f"{event['event_type']}: {names}; timestamp {event['timestamp']}, compute id {event['compute_id'] or '-'}"


def main() -> None:
    """Run `make trace`."""
    parser = command.make_parser(__doc__)
    parser.add_argument("--table", default=USERS, help="the item's table")
    parser.add_argument("--key", default=PUT_KEY, help="the item's key as JSON")
    parser.add_argument("--all-partitions", action="store_true", help="read all partitions of the topic")
    parser.add_argument("--since", help="the oldest events to consider, as an ISO-8601 time")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value}
    command.run(partial(parse_and_trace, given=given))


def parse_and_trace(console: Console, given: Mapping[str, Any]) -> int:
    """Parse the key, and trace the item.

    Raises:
        LocalError: the key is not JSON.

    """
    try:
        key = json.loads(given["key"])
    except ValueError as error:
        raise LocalError(f"KEY is not JSON ({error}); an example is KEY='{PUT_KEY}'") from error
    return trace(console, {**given, "key": key})
