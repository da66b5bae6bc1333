"""`make layout`: try table layouts on records or items in a file, or on a few items of a real table.

Each record is printed with the event that the function would publish, the reason to skip it, or the error. Remarks say
what an item has and what each layout requires, and what in a layout is probably a mistake.
"""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from rich.console import Console

from feature_events.errors import FeatureEventsError
from feature_events.events.event import FeatureAvailabilityEvent
from local.commands import command
from local.paths import ROOT
from local.trials.layouts_file import read_layouts
from local.trials.records_file import Loaded, read_records
from local.trials.table_items import read_items
from local.trials.trial import Trials, find_remarks, format_records
from local.trials.trial_table import show_trials

LAYOUTS = "default,single_table"
RECORDS = ROOT / "events" / "single-table.json"
ITEMS = 25
MOST_ITEMS = 1000


def try_layouts(  # noqa: PLR0913  # the options of the command
    console: Console,
    layouts: str,
    features_mode: str,
    source: Path | tuple[str, int],
    *,
    removals: str = "none",
    table_name: str = "",
) -> int:
    """Try layouts on the records of a file or on items of a table.

    Return 0 if at least one record produces an event, and none causes an error.
    """
    settings = read_layouts(layouts, features_mode, removals)
    if isinstance(source, tuple):
        loaded = Loaded(read_items(*source), {})
    else:
        loaded = read_records(source, settings.table_layouts, table_name)
    run = Trials(settings).run
    trials = [run(record) for record in loaded.records]
    assumed = [f"{format_records(numbers)}: {text}" for text, numbers in loaded.assumed.items()]
    show_trials(console, trials, settings.table_layouts, [*assumed, *find_remarks(trials, settings)])
    results = [trial.result for trial in trials]
    has_events = any(isinstance(result, FeatureAvailabilityEvent) for result in results)
    return int(not has_events or any(isinstance(result, FeatureEventsError) for result in results))


def main() -> None:
    """Parse the command line and try the layouts."""
    parser = _make_parser()
    arguments = parser.parse_args()
    if arguments.table and arguments.records:
        parser.error("use either RECORDS.jsonl or --table")
    if arguments.table and arguments.table_name:
        parser.error("use --table-name with RECORDS.jsonl only: --table names a table already")
    if not 1 <= arguments.items <= MOST_ITEMS:
        parser.error(f"--items must be from 1 to {MOST_ITEMS}")
    command.run(
        partial(
            try_layouts,
            layouts=arguments.layouts,
            features_mode=arguments.features_mode,
            source=(arguments.table, arguments.items) if arguments.table else arguments.records or RECORDS,
            removals=arguments.removals,
            table_name=arguments.table_name,
        )
    )


def _make_parser() -> ArgumentParser:
    parser = command.make_parser(__doc__)
    parser.prog = "python -m local.layout"
    parser.epilog = "exit status: 0 if at least one record produces an event, and none causes an error; else 1"
    parser.add_argument(
        "layouts",
        nargs="?",
        default=LAYOUTS,
        metavar="TABLE_LAYOUTS_FILE",
        help="a file with a JSON list of layouts, or names of files in schemas/table_layouts (default: %(default)s)",
    )
    parser.add_argument(
        "records",
        nargs="?",
        type=Path,
        metavar="RECORDS.jsonl",
        help=(
            "a file with stream records, such as an event, or with items, such as the output of `aws dynamodb scan` "
            f"(default: {RECORDS.relative_to(ROOT)})"
        ),
    )
    parser.add_argument("--table", metavar="NAME", help="try items of this table, with your own AWS credentials")
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="how many items of the table to try (default: %(default)s)"
    )
    parser.add_argument(
        "--features-mode", choices=("all", "changed"), default="all", help="the function's FEATURES_MODE"
    )
    parser.add_argument(
        "--removals", choices=("none", "events"), default="none", help="the function's REMOVALS (default: %(default)s)"
    )
    parser.add_argument(
        "--table-name",
        default="",
        metavar="NAME",
        help="the table of items and records in the file that do not contain its name (default: from the layouts)",
    )
    return parser
