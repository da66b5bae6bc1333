"""`make invoke`: one event through the real function, without Docker, and what it gives as a table.

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

from local.application.invocation import Function, Given, Invocation, read_event
from local.commands import command
from local.paths import ROOT
from local.servers.embedded_kafka import EmbeddedKafka
from local.servers.topic import TOPIC

EVENTS = ROOT / "events"
ANSWERS = EVENTS / "answers.json"
PAGE = ROOT / "docs" / "events.md"
BEGIN, END = "<!-- events: written by `make events` -->\n", "<!-- end of events -->\n"


def invoke(console: Console, event: Path) -> int:
    """Invokes the function on the event of this file; 0 whatever it answers, since an error may be the right one."""
    content = read_event(event)
    with EmbeddedKafka(TOPIC) as kafka:
        console.print("[dim]what the function logs:[/]")
        invocation = Function(kafka).invoke(content)
    console.print()
    console.print(to_table(invocation))
    return 0


def to_table(invocation: Invocation) -> Table:
    """The answer, and each event with its key and headers."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")  # an ARN has no blank to break at, and is shown whole
    table.add_row("[bold]answer[/]", escape(json.dumps(invocation.answer)))
    table.add_row("[bold]events[/]", str(len(invocation.given)))
    for given in invocation.given:
        table.add_section()
        table.add_row("")
        for name, value in to_rows(given).items():
            table.add_row(name, escape(value))
    return table


def to_rows(given: Given) -> dict[str, str]:
    """What is shown of one message: where it is, its key and headers, and the decoded event."""
    message = given.message
    time = datetime.fromtimestamp(message.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    event = {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in given.event.items()}
    return {
        "[dim]place[/]": f"partition {message.partition}, offset {message.offset}",
        "[dim]schema id[/]": str(given.schema_id),
        "[dim]time[/]": time.replace("+00:00", "Z"),
        "[yellow]key[/]": to_text(message.key),
        **{f"[magenta]{name}[/]": to_text(value) for name, value in message.headers},
        **{f"[green]{name}[/]": value for name, value in event.items()},
    }


def to_text(value: bytes) -> str:
    """A key or a header's value, which are text in UTF-8."""
    return value.decode(errors="backslashreplace")


def to_markdown() -> str:
    """The page's table: each sample event, what it is about, what the function answers and the events that it gives."""
    about: Mapping[str, Mapping[str, Any]] = json.loads(ANSWERS.read_text())
    lines = ["| sample | what it is | answer | events given |", "|---|---|---|---|"]
    with EmbeddedKafka(TOPIC) as kafka, contextlib.redirect_stdout(io.StringIO()):
        function = Function(kafka)
        for name, row in about.items():
            invocation = function.invoke(read_event(EVENTS / name))
            given = "<br>".join(map(to_cell, invocation.given)) or "none"
            lines.append(f"| [{name}](../events/{name}) | {row['what']} | {to_answer(invocation.answer)} | {given} |")
    return "".join(f"{line}\n" for line in lines)


def to_answer(answer: Mapping[str, Any]) -> str:
    """An answer in a few words."""
    if "errorType" in answer:
        return f"fails: `{answer['errorType']}`"
    failures = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    return f"again from `{failures[0]}`" if failures else "done"


def to_cell(given: Given) -> str:
    """An event in one line of Markdown."""
    event = given.event
    names = ", ".join(json.dumps(name, ensure_ascii=False).strip('"') or '""' for name in event["features"])
    text = f"{event['entity_type']} {event['entity_id']}, {event['resource_name']}: {names}"
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def write_page(console: Console) -> int:
    """Writes the table into docs/events.md."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + to_markdown() + END + after)
    console.print("wrote the table of sample events to docs/events.md")
    return 0


def print_markdown(_: Console) -> int:
    """Prints the table of docs/events.md."""
    print(to_markdown(), end="")
    return 0


def main() -> None:
    """Reads the command line and does what it asks for."""
    parser = command.to_parser(__doc__)
    parser.add_argument("event", type=Path, nargs="?", default=EVENTS / "insert.json", help="a file of events/")
    parser.add_argument("--page", action="store_true", help="write the table of all sample events to docs/events.md")
    parser.add_argument("--table", action="store_true", help="print that table")
    given = parser.parse_args()
    if given.page:
        command.run(write_page)
    elif given.table:
        command.run(print_markdown)
    else:
        command.run(partial(invoke, event=given.event))
