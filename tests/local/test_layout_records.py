"""`make layout` reads records and items in the forms in which AWS's tools and people's samples contain them."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from feature_events.layouts.parser import parse_table_layouts
from local.commands.layout import try_layouts
from local.errors import LocalError
from local.paths import ROOT
from local.trials.item_records import find_table, to_image
from local.trials.records_file import read_records

type Json = Any

KEYS = {"pk": {"S": "USER#u-1"}, "sk": {"S": "FEATURES#spending"}}
TYPED = {**KEYS, "features": {"M": {"sum_7d": {"N": "1.5"}, "top": {"L": [{"S": "a"}, {"NULL": True}]}}}}
PLAIN = {"pk": "USER#u-1", "sk": "FEATURES#spending", "features": {"sum_7d": 1.5, "top": ["a", None]}}
BODY = {"Keys": KEYS, "NewImage": TYPED, "SequenceNumber": "100", "StreamViewType": "NEW_IMAGE"}
RECORD = {"eventName": "INSERT", "dynamodb": {**BODY, "ApproximateCreationDateTime": 1_760_097_697}}
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/app/stream/2025-10-10T00:00:00.000"
SENT = {**RECORD, "eventSourceARN": ARN}
REAL = "set TABLE_NAME to the real name"
BY_CLI = {**RECORD, "dynamodb": {**BODY, "ApproximateCreationDateTime": "2025-10-10T14:01:37+02:00"}}

FORMS: Mapping[str, Json] = {
    "a record": SENT,
    "an event": {"Records": [SENT]},
    "a list of records": [SENT],
    "a list of events": [{"Records": [SENT]}],
    "get-records": {"Records": [BY_CLI], "NextShardIterator": "x"},
    "a sample with another ARN": {"Records": [{**RECORD, "eventSourceARN": "eventsource_arn"}]},
    "an on-failure batch": {"version": "1.0", "payload": {"Records": [SENT]}},
    "an on-failure batch with its payload as text": {"version": "1.0", "payload": json.dumps({"Records": [SENT]})},
    "an item with the attribute payload": {**TYPED, "payload": {"S": '{"age": 1}'}},
    "a dead letter": {"reason": "bad", "record": SENT},
    "an item": TYPED,
    "an item in ordinary JSON": PLAIN,
    "a list of items": [PLAIN],
    "scan": {"Items": [TYPED], "Count": 1, "ScannedCount": 1, "ConsumedCapacity": None},
    "a page of scan": {"Items": [TYPED], "Count": 1, "ScannedCount": 1, "NextToken": "x"},
    "get-item": {"Item": TYPED},
    "batch-get-item": {"Responses": {"app": [TYPED]}, "UnprocessedKeys": {}},
    "transact-get-items": {"Responses": [{"Item": TYPED}]},
    "an incremental export": {"Metadata": {}, "Keys": KEYS, "NewImage": TYPED},
}
WRITTEN: Mapping[str, Callable[[Json], bytes]] = {
    "on one line": lambda value: json.dumps(value).encode(),
    "on several lines": lambda value: json.dumps(value, indent=4).encode(),
    "with a BOM": lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8-sig"),
    "by PowerShell": lambda value: json.dumps(value, indent=2).encode("utf-16"),
}


@pytest.fixture
def console() -> Console:
    """Return a wide console whose output can be read."""
    return Console(file=io.StringIO(), width=300)


def read(console: Console) -> list[str]:
    """Return the printed lines, without trailing spaces."""
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("form", FORMS)
def test_read_records__reads_each_form(form: str, tmp_path: Path, console: Console) -> None:
    """Each form has the same event, in each encoding, and several of them in one file."""
    file = tmp_path / "records.json"
    for write in WRITTEN.values():
        file.write_bytes(write(FORMS[form]))
        assert try_layouts(console, "single_table", "all", file) == 0
    file.write_text(f"{json.dumps(FORMS[form])}\n{json.dumps(FORMS[form], indent=1)}\n\n")
    assert try_layouts(console, "single_table", "all", file) == 0
    rows = [line.split()[1:6] for line in read(console) if line[:2] in ("1 ", "2 ") and "FEATURES#" not in line]
    assert rows == [["1", "user", "u-1", "spending", "sum_7d,"]] * (len(WRITTEN) + 2)


def test_read_records__keeps_what_a_record_contains(tmp_path: Path) -> None:
    """Only a missing ARN is replaced, and a time that Lambda would write as a number."""
    file = tmp_path / "records.json"
    file.write_text(json.dumps({"Records": [SENT, BY_CLI]}))
    sent, by_cli = read_records(file, parse_table_layouts("single_table")).records
    assert sent == SENT
    assert by_cli == RECORD | {"eventSourceARN": by_cli["eventSourceARN"]}
    assert ":table/app/stream/" in by_cli["eventSourceARN"]


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (PLAIN, f"items are tried as inserts into the table app with the keys pk and sk; {REAL}"),
        (RECORD, f"records without a table's name are tried with the table's name app; {REAL}"),
    ],
)
def test_read_records__says_what_it_assumes(value: Json, note: str, tmp_path: Path, console: Console) -> None:
    """The assumed table and keys are printed once, with the numbers of the records."""
    file = tmp_path / "records.json"
    file.write_text(json.dumps([value, SENT, value, value]))
    assert try_layouts(console, "single_table", "all", file) == 0
    assert f"- records 1, 3-4: {note}" in read(console)


def test_table_name__replaces_the_assumption(tmp_path: Path, console: Console) -> None:
    """Layouts of other tables are then not tried."""
    keys = {"pk": "{entity_id}", "sk": "{resource_name}"}
    layouts = [
        {"table": table, "keys": keys, "entity_type": kind, "features": "features"}
        for table, kind in (("shop", "shop"), ("{}_users", "user"))
    ]
    layout_file, file = tmp_path / "layouts.json", tmp_path / "records.json"
    layout_file.write_text(json.dumps(layouts))
    file.write_text(json.dumps([PLAIN, RECORD]))
    assert try_layouts(console, str(layout_file), "all", file, table_name="prod_users") == 0
    lines = read(console)
    assert [line.split()[1:3] for line in lines[1:3]] == [["2", "user"]] * 2
    assert not any(REAL in line for line in lines)
    with pytest.raises(LocalError, match=r"record 1 is a plain item.*; no layout is for the table orders$"):
        try_layouts(console, str(layout_file), "all", file, table_name="orders")


@pytest.mark.parametrize(
    ("keys", "item", "expected"),
    [
        ({"pk": "{entity_id}"}, {"pk": "a", "sk": "b"}, ("pk",)),
        ({"{kind}": "{entity_id}", "category": "{resource_name}"}, {"category": "a", "uid": 7}, ("uid", "category")),
        ({"{kind}_id": "{entity_id}"}, {"name": "x", "user_id": "u"}, ("user_id",)),
        ({"{kind}": "u#{entity_id}"}, {"name": "x", "id": "u#1"}, ("id",)),
        ({"{kind}": "u#{entity_id}"}, {"name": "x"}, ("name",)),
        ({"pk": "{entity_id}"}, {"pk": {"a": 1}}, None),
        ({"pk": "{entity_id}"}, {"pk": True}, None),
        ({"pk": "{entity_id}", "sk": "{}"}, {"pk": "a"}, None),
    ],
)
def test_find_table__finds_the_keys_of_an_item(
    keys: dict[str, str], item: Json, expected: tuple[str, ...] | None
) -> None:
    """Keys are strings, numbers or binary. Those whose values match are preferred."""
    layout = {"keys": keys, "entity_type": "e", "entity_id": "{entity_id}", "resource_name": "r", "features": "f"}
    found = find_table(to_image(item), parse_table_layouts(json.dumps([layout])), "")
    assert (found and found.key_names) == expected


@pytest.mark.parametrize("names", [("user_id", "shop_id"), ("shop_id", "user_id")])
def test_find_table__does_not_guess_between_attributes(names: tuple[str, str]) -> None:
    """The order of attributes means nothing, because DynamoDB returns them in any order."""
    layout = {"keys": {"{kind}_id": "{entity_id}"}, "entity_type": "e", "resource_name": "r", "features": "f"}
    with pytest.raises(LocalError, match=r"several attributes can be its keys: shop_id, user_id; use stream records"):
        find_table(to_image(dict.fromkeys(names, "x")), parse_table_layouts(json.dumps([layout])), "")


def test_find_table__prefers_the_layout_with_matching_values() -> None:
    """An earlier layout with the same keys but other values is for other tables."""
    layouts = [
        {"table": name, "keys": {"pk": f"{name}#{{entity_id}}"}, "entity_type": "e", "resource_name": "r"}
        | {"features": "f"}
        for name in ("shop", "user")
    ]
    parsed = parse_table_layouts(json.dumps(layouts))
    assert str(find_table({"pk": {"S": "user#1"}}, parsed, "")) == "Table(name='user', key_names=('pk',))"
    assert str(find_table({"pk": {"S": "item#1"}}, parsed, "")) == "Table(name='shop', key_names=('pk',))"


def test_to_image__converts_ordinary_json() -> None:
    """Numbers are written as DynamoDB writes them. An item in DynamoDB's JSON stays as it is."""
    plain = json.loads('{"s": "", "i": 7, "f": 1500.0, "e": 1e3, "b": false, "n": null, "l": [1, {"S": 2}], "m": {}}')
    assert to_image(plain) == {
        "s": {"S": ""},
        "i": {"N": "7"},
        "f": {"N": "1500"},
        "e": {"N": "1000"},
        "b": {"BOOL": False},
        "n": {"NULL": True},
        "l": {"L": [{"N": "1"}, {"M": {"S": {"N": "2"}}}]},
        "m": {"M": {}},
    }
    assert to_image(TYPED) is TYPED


def test_sample_of_sam__is_read(tmp_path: Path, console: Console) -> None:
    """`sam local generate-event dynamodb update` writes an event of an insert, an update and a deletion."""
    done = subprocess.run(  # noqa: S603  # the project's own tool
        [str(Path(sys.executable).parent / "sam"), "local", "generate-event", "dynamodb", "update"],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    file, layouts = tmp_path / "event.json", tmp_path / "layouts.json"
    file.write_bytes(done.stdout)
    layout = {"keys": {"Id": "{entity_id}"}, "entity_type": "item", "resource_name": "r", "features": {"except": []}}
    layouts.write_text(json.dumps([layout]), encoding="utf-8-sig")
    assert try_layouts(console, str(layouts), "all", file, removals="events") == 0
    assert "records 3: events 3, skipped 0, errors 0" in read(console)
