"""`make invoke`: invoke the function with one event, without Docker, and print the response and the Kafka messages.

`make events` writes the table of all sample events to docs/events.md in the same way.
"""

import contextlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.application.invocation import Function, Invocation, SentEvent, read_event
from local.commands import command
from local.paths import ROOT
from local.servers.embedded_kafka import EmbeddedKafka
from local.servers.topic import TOPIC

EVENTS = ROOT / "events"
ANSWERS = EVENTS / "answers.json"
PAGE = ROOT / "docs" / "events.md"
BEGIN, END = "<!-- events: written by `make events` -->\n", "<!-- end of events -->\n"


def invoke(console: Console, event: Path) -> int:
    """Invoke the function with the event in this file. An error may be the expected response, so the status is 0."""
    content = read_event(event)
    with EmbeddedKafka(TOPIC) as kafka:
        console.print("[dim]log of the function:[/]")
        invocation = Function(kafka).invoke(content)
    console.print()
    console.print(make_table(invocation))
    return 0


def make_table(invocation: Invocation) -> Table:
    """Make a table of the response and of each event with its key and headers."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")  # an ARN has no space to break at
    table.add_row("[bold]response[/]", escape(json.dumps(invocation.response)))
    table.add_row("[bold]events[/]", str(len(invocation.sent)))
    for each in invocation.sent:
        table.add_section()
        table.add_row("")
        for name, value in make_rows(each).items():
            table.add_row(name, escape(value))
    return table


def make_rows(sent: SentEvent) -> dict[str, str]:
    """Return the printed rows of one message: its position, key, headers and decoded event."""
    message = sent.message
    time = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    event = {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in sent.event.items()}
    return {
        "[dim]position[/]": f"partition {message.partition}, offset {message.offset}",
        "[dim]schema id[/]": str(sent.schema_id),
        "[dim]timestamp[/]": time.replace("+00:00", "Z"),
        "[yellow]key[/]": decode(message.key),
        **{f"[magenta]{name}[/]": decode(value) for name, value in message.headers},
        **{f"[green]{name}[/]": value for name, value in event.items()},
    }


def decode(value: bytes) -> str:
    """Decode a key or the value of a header, which are text in UTF-8."""
    return value.decode(errors="backslashreplace")


def make_markdown() -> str:
    """Return the table of the sample events, with the response and the Kafka events of each."""
    samples: Mapping[str, Mapping[str, Any]] = json.loads(ANSWERS.read_text())
    lines = ["| sample | description | response | Kafka events |", "|---|---|---|---|"]
    with EmbeddedKafka(TOPIC) as kafka, contextlib.redirect_stdout(io.StringIO()):
        function = Function(kafka)
        for name, row in samples.items():
            invocation = function.invoke(read_event(EVENTS / name))
            sent = "<br>".join(map(make_cell, invocation.sent)) or "none"
            response = describe_response(invocation.response)
            lines.append(f"| [{name}](../events/{name}) | {row['what']} | {response} | {sent} |")
    return "".join(f"{line}\n" for line in lines)


def describe_response(response: Mapping[str, Any]) -> str:
    """Describe a response in a few words."""
    if "errorType" in response:
        return f"error: `{response['errorType']}`"
    failures = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    return f"retry from `{failures[0]}`" if failures else "success"


def make_cell(sent: SentEvent) -> str:
    """Return an event as one line of Markdown."""
    event = sent.event
    names = ", ".join(json.dumps(name, ensure_ascii=False).strip('"') or '""' for name in event["features"])
    text = f"{event['entity_type']} {event['entity_id']}, {event['resource_name']}: {names}"
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def write_page(console: Console) -> int:
    """Write the table to docs/events.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + make_markdown() + END + after)
    console.print("wrote the table of sample events to docs/events.md")
    return 0


def print_markdown(_: Console) -> int:
    """Print the table of docs/events.md."""
    print(make_markdown(), end="")
    return 0


def main() -> None:
    """Run `make invoke`."""
    parser = command.make_parser(__doc__)
    parser.add_argument(
        "event", type=Path, nargs="?", default=EVENTS / "insert.json", help="a file such as events/insert.json"
    )
    parser.add_argument("--page", action="store_true", help="write the table of all sample events to docs/events.md")
    parser.add_argument("--table", action="store_true", help="print the table of all sample events")
    given = parser.parse_args()
    if given.page:
        command.run(write_page)
    elif given.table:
        command.run(print_markdown)
    else:
        command.run(partial(invoke, event=given.event))
