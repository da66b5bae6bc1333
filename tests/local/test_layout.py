"""`make layout` prints the events that the function would publish, and reports invalid input in one message."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from feature_events.errors import Misconfigured, PoisonRecord
from feature_events.events.event import FeatureAvailabilityEvent
from feature_events.layouts.parser import parse_table_layouts
from feature_events.records.change import Skipped
from local.commands.layout import LAYOUTS, RECORDS, try_layouts
from local.errors import LocalError
from local.paths import ROOT
from local.trials.trial import Trial
from local.trials.trial_table import describe, show_trials, to_printable
from tests.support.captures import list_stores, read_capture, to_records_file
from tests.support.records import to_expired_record, to_record, to_removal_record

EVENT = FeatureAvailabilityEvent(
    "id", "feature_available", "2025-10-10T12:34:56.789Z", "user", "u-1", "feature", "spending", "run-1", ("sum", "n")
)


@pytest.fixture
def console() -> Console:
    """Return a console whose output can be read."""
    return Console(file=io.StringIO(), width=150)


def read(console: Console) -> list[str]:
    """Return the printed lines, without trailing spaces."""
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("store", list_stores())
def test_table__shows_each_event_of_a_capture(store: str, tmp_path: Path, console: Console) -> None:
    """A row contains the layout's number, names and ids, or the reason to skip the record."""
    capture = read_capture(store)
    file = tmp_path / "layouts.json"
    file.write_text(json.dumps(capture.layouts))
    console.width = 400
    assert try_layouts(console, str(file), "all", to_records_file(store)) == 0
    for line, event in zip(read(console)[1:], capture.events, strict=False):
        if "skipped" in event:
            assert line.endswith(f"skipped: {event['skipped']}")
            continue
        words = line.split()[1:]
        assert 1 <= int(words[0]) <= len(capture.layouts)
        text = f"{event['entity_type']} {event['entity_id']} {event['resource_name']} {', '.join(event['features'])}"
        assert words[1:-2] == text.split()
        assert words[-1] == (event["compute_id"] or "-")
        assert event["timestamp"] is None or words[-2] == event["timestamp"]


NO_LAYOUT = "no layout fits the table orders with the key attributes id: add one to TableLayouts (TABLE_LAYOUTS)"
TRIALS = [
    Trial(EVENT, 2),
    Trial(EVENT._replace(entity_type="account_pid", entity_id="a-1234567890123456", compute_id=""), 1),
    Trial(Skipped.OTHER_ITEM, None),
    Trial(EVENT._replace(entity_id="[u]\x1b[1m", features=("", "a_long_name_of_a_feature")), 2, has_own_time=False),
    Trial(PoisonRecord("features: features is not a map"), 1),
    Trial(Misconfigured(NO_LAYOUT), None),
]
SCREENS = {
    100: """\
record layout entity           resource features               timestamp                 compute id
1      2      user u-1         spending sum, n                 2025-10-10T12:34:56.789Z  run-1
2      1      account_pid      spending sum, n                 2025-10-10T12:34:56.789Z  -
              a-12345678901234
              56
3      -      skipped: other_item
4      2      user [u]\\x1b[1m  spending "",                    2025-10-10T12:34:56.789Z* run-1
                                        a_long_name_of_a_featu
                                        re
5      1      dead-lettered: features: features is not a map
6      -      invocation fails: no layout fits the table orders with the key attributes id: add one
              to TableLayouts (TABLE_LAYOUTS)
* time of the change: the layout found no readable time in the item

layout records applies to
1            2 any table: {entity_type} = {entity_id}, category = {resource_name}
2            2 app: pk = USER#{entity_id}, sk = FEATURES#{resource_name}

records 6: events 3, skipped 1, errors 2""",
    80: """\
record layout entity        resource features         timestamp      compute id
1      2      user u-1      spending sum, n           2025-10-10T    run-1
                                                      12:34:56.789Z
2      1      account_pid   spending sum, n           2025-10-10T    -
              a-12345678901                           12:34:56.789Z
              23456
3      -      skipped: other_item
4      2      user          spending "",              2025-10-10T    run-1
              [u]\\x1b[1m             a_long_name_of_a 12:34:56.789Z*
                                     _feature
5      1      dead-lettered: features: features is not a map
6      -      invocation fails: no layout fits the table orders with the key
              attributes id: add one to TableLayouts (TABLE_LAYOUTS)
* time of the change: the layout found no readable time in the item

layout records applies to
1            2 any table: {entity_type} = {entity_id}, category =
               {resource_name}
2            2 app: pk = USER#{entity_id}, sk = FEATURES#{resource_name}

records 6: events 3, skipped 1, errors 2""",
}


@pytest.mark.parametrize("width", SCREENS)
def test_table__fits_the_terminal(width: int) -> None:
    """Cells are wrapped, not truncated, and control characters are escaped."""
    console = Console(file=io.StringIO(), width=width)
    show_trials(console, TRIALS, parse_table_layouts(LAYOUTS)[:2])
    assert "\n".join(read(console)) == SCREENS[width]


def test_table__shows_layouts_without_records(console: Console) -> None:
    """A layout that applies to no record has the count 0."""
    assert try_layouts(console, LAYOUTS, "all", RECORDS) == 0
    lines = read(console)
    start = lines.index("layout records applies to")
    assert [line.split()[:2] for line in lines[start + 1 : start + 4]] == [["1", "0"], ["2", "1"], ["3", "1"]]


def test_describe__names_table_and_keys() -> None:
    """Layouts differ in the table's name or the keys."""
    assert [describe(layout) for layout in parse_table_layouts(LAYOUTS)] == [
        "any table: {entity_type} = {entity_id}, category = {resource_name}",
        "app: pk = USER#{entity_id}, sk = FEATURES#{resource_name}",
        "app: pk = MERCHANT#{entity_id}, sk = FEATURES#{resource_name}",
    ]


@pytest.mark.parametrize(
    ("text", "shown"), [("u-1 ę🦊", "u-1 ę🦊"), ("a\nb\x1b[1m", "a\\nb\\x1b[1m"), ("\ud800", "\\ud800")]
)
def test_to_printable__escapes_control_characters(text: str, shown: str) -> None:
    """Control characters and lone surrogates are escaped; text of any script is not."""
    assert to_printable(text) == shown


def test_records__can_have_several_forms(tmp_path: Path, console: Console) -> None:
    """A file can contain records or batches, one per line, or one event or record on several lines."""
    record, event = to_record(1), {"Records": [to_record(1), to_record(2)]}
    lines = f"{json.dumps(record)}\n\n{json.dumps(to_record(2))}\n"
    batches = f"{json.dumps({'Records': [record]})}\n{json.dumps({'Records': [to_record(2)]})}"
    for text in (lines, json.dumps(event), json.dumps(event, indent=2), batches):
        file = tmp_path / "records.jsonl"
        file.write_text(text)
        assert try_layouts(console, "default", "all", file) == 0
    file.write_text(json.dumps(record, indent=2))
    assert try_layouts(console, "default", "all", file) == 0
    counts = [line for line in read(console) if line.startswith("records ")]
    assert counts == ["records 2: events 2, skipped 0, errors 0"] * 4 + ["records 1: events 1, skipped 0, errors 0"]


def test_removals__are_applied(tmp_path: Path, console: Console) -> None:
    """With REMOVALS, a deletion has a row with the kind of the removal; without, a remark names the option."""
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(map(json.dumps, (to_removal_record(), to_expired_record()))))
    assert try_layouts(console, "default", "all", file, removals="events") == 0
    rows = [line.split() for line in read(console)[1:3]]
    assert [row[2:6] for row in rows] == [
        ["bright_uid", "user-1", "user_features", "(deleted)"],
        ["bright_uid", "user-1", "user_features", "(expired)"],
    ]
    assert try_layouts(console, "default", "all", file) == 1
    assert "- records 1-2: remove: the item was deleted; REMOVALS=events shows the event of a removal" in read(console)


def test_features_mode__is_applied(console: Console) -> None:
    """In mode `changed`, only changed features are named, and a record without any is skipped."""
    assert try_layouts(console, "default", "changed", ROOT / "events" / "modify.json") == 0
    assert read(console)[1].split()[:6] == ["1", "1", "bright_uid", "user-123", "user_features", "age"]
    assert try_layouts(console, "default", "changed", ROOT / "events" / "unchanged.json") == 1
    assert "1      1      skipped: unchanged" in read(console)
    assert read(console)[-1] == "no record produced an event"


def test_errors__are_printed_and_set_the_status(console: Console) -> None:
    """The row of a record that the function would dead-letter or fail for contains the function's error."""
    assert try_layouts(console, "default", "all", ROOT / "events" / "unreadable.json") == 1
    assert any("dead-lettered: " in line for line in read(console))
    assert try_layouts(console, "single_table", "all", ROOT / "events" / "insert.json") == 1
    text = "no layout fits the table user_feature_store with the key attributes bright_uid and category"
    assert any(f"invocation fails: {text}" in line for line in read(console))


BAD = '[{"keys": {"pk": "{entity_id}"}, "features": [], "colour": "red"}, {"keys": {}}]'
OTHER_KEYS = (
    "records.jsonl, record {} is a plain item, but it does not have the key attributes of any layout; it has pk"
)
FAULTS = {
    "bad layouts": (
        "layouts.json",
        BAD,
        "the function's settings are invalid:\n- TableLayouts (TABLE_LAYOUTS) layout 1, colour: ",
    ),
    "layouts are invalid JSON": (
        "layouts.json",
        "[{",
        "- TableLayouts (TABLE_LAYOUTS) must be a JSON list of layouts: invalid JSON (line 1, column 3: Expecting",
    ),
    "layouts are a word": ("layouts.json", "default", "layouts.json must contain a JSON list of layouts"),
    "layouts are empty": ("layouts.json", "", "layouts.json must contain a JSON list of layouts"),
    "records are empty": ("records.jsonl", "\n", "records.jsonl contains no records: write stream records or"),
    "an event without records": ("records.jsonl", '{"Records": []}', "records.jsonl contains no records"),
    "a line is invalid JSON": (
        "records.jsonl",
        '{"a": 1}\n{"b": ',
        "records.jsonl: invalid JSON (line 2, column 7: Expecting value)",
    ),
    "records have a trailing comma": (
        "records.jsonl",
        '{"a": 1,}',
        "records.jsonl: invalid JSON (line 1, column 8: Illegal trailing comma before end of object)",
    ),
    "layouts have a trailing comma": (
        "layouts.json",
        '[{"table": "app",}]',
        "invalid JSON (line 1, column 17: Illegal trailing comma before end of object)",
    ),
    "an item with other keys": ("records.jsonl", '{"pk": {"S": "u-1"}, "age": {"N": "3"}}', OTHER_KEYS.format(1)),
    "an item after a record": ("records.jsonl", '{"eventName": "REMOVE"}\n{"pk": "u-1"}', OTHER_KEYS.format(2)),
    "records are binary": ("records.jsonl", "\x00\x01", "records.jsonl: invalid JSON (line 1, column 1: Expecting"),
    "records are nested too deeply": ("records.jsonl", "[" * 100_000, "records.jsonl: invalid JSON (maximum recursion"),
}
"""A file, its content, and a part of the error."""


@pytest.mark.parametrize(("name", "content", "error"), FAULTS.values(), ids=FAULTS)
def test_input__is_refused_with_its_place(
    name: str, content: str, error: str, tmp_path: Path, console: Console
) -> None:
    """The error names the file and the place. All mistakes in layouts are reported together."""
    layouts, records = tmp_path / "layouts.json", tmp_path / "records.jsonl"
    layouts.write_bytes((ROOT / "schemas" / "table_layouts" / "default.json").read_bytes())
    records.write_text("{}")
    (tmp_path / name).write_text(content)
    with pytest.raises(LocalError) as raised:
        try_layouts(console, str(layouts), "all", records)
    assert error in str(raised.value)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a new process, without this project on Python's path."""
    return subprocess.run(  # noqa: S603  # this project's own command
        [sys.executable, "-m", "local.layout", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command__has_defaults() -> None:
    """Without arguments, it tries the sample of a single-table design."""
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1].split()[:5] == ["1", "2", "user", "user-123", "spending"]


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["default", "events/unreadable.json"], 1, "records 3: events 2, skipped 0, errors 1"),
        (["nowhere.json"], 1, "error: nowhere.json: no such file, and not a name in schemas/table_layouts: default"),
        (["default", "nowhere.jsonl"], 1, "error: nowhere.jsonl: No such file or directory"),
        (["default", "events/insert.json", "--table", "app"], 2, "use either RECORDS.jsonl or --table"),
        (["--table", "app", "--items", "0"], 2, "--items must be from 1 to 1000"),
    ],
)
def test_command__returns_a_status(arguments: list[str], status: int, text: str) -> None:
    """Errors set the exit status and are reported without a traceback."""
    done = run(*arguments)
    assert done.returncode == status
    assert text in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
