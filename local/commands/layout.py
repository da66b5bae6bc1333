"""`make layout`: try table layouts on stream records, or on a few items of a real table.

Each record is printed with the event that the function would publish, the reason to skip it, or the error.
"""

from functools import partial
from pathlib import Path

from rich.console import Console

from feature_events.errors import FeatureEventsError
from local.commands import command
from local.paths import ROOT
from local.trials.layouts_file import read_layouts
from local.trials.records_file import read_records
from local.trials.table_items import read_items
from local.trials.trial import Trials
from local.trials.trial_table import show_trials

LAYOUTS = "default,single_table"
RECORDS = ROOT / "events" / "single-table.json"
ITEMS = 25
MOST_ITEMS = 1000


def try_layouts(console: Console, layouts: str, features_mode: str, source: Path | tuple[str, int]) -> int:
    """Try layouts on the records of a file or on items of a table; return 0 if no record causes an error."""
    settings = read_layouts(layouts, features_mode)
    records = read_items(*source) if isinstance(source, tuple) else read_records(source)
    run = Trials(settings).run
    trials = [run(record) for record in records]
    show_trials(console, trials, settings.table_layouts)
    return int(any(isinstance(trial.result, FeatureEventsError) for trial in trials))


def main() -> None:
    """Parse the command line and try the layouts."""
    parser = command.make_parser(__doc__)
    parser.prog = "python -m local.layout"
    parser.epilog = "exit status: 0 if every record produces an event or is skipped, else 1"
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
        help=f"a stream record per line, or an event like those in events/ (default: {RECORDS.relative_to(ROOT)})",
    )
    parser.add_argument("--table", metavar="NAME", help="try items of this table, with your own AWS credentials")
    parser.add_argument(
        "--items", type=int, default=ITEMS, help="how many items of the table to try (default: %(default)s)"
    )
    parser.add_argument(
        "--features-mode", choices=("all", "changed"), default="all", help="the function's FEATURES_MODE"
    )
    arguments = parser.parse_args()
    if arguments.table and arguments.records:
        parser.error("use either RECORDS.jsonl or --table")
    if not 1 <= arguments.items <= MOST_ITEMS:
        parser.error(f"--items must be from 1 to {MOST_ITEMS}")
    source = (arguments.table, arguments.items) if arguments.table else arguments.records or RECORDS
    command.run(partial(try_layouts, layouts=arguments.layouts, features_mode=arguments.features_mode, source=source))
