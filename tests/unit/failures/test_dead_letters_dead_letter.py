"""Test the keys of dead letters, and reading their records."""

import json

import pytest

from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import read_record, to_dead_letter
from tests.support.records import FIRST_NUMBER, to_unreadable_record

POISON = PoisonRecord("features.data: features is not a map")


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"dynamodb": {"SequenceNumber": "../x"}}, "\ud800"])
def test_to_dead_letter__derives_the_key_from_a_record_without_a_number(record: object) -> None:
    """Equal records have the same key, and the record can be read from the dead letter."""
    one, two = (to_dead_letter(record, POISON, "p/") for _ in range(2))  # type: ignore[arg-type]  # any JSON
    assert one == two
    assert one.key.startswith("p/unknown/")
    assert read_record(one.body) == record


def test_to_dead_letter__escapes_any_table_name() -> None:
    """Whatever the ARN contains, the key stays under the prefix and readable."""
    record = {**to_unreadable_record(), "eventSourceARN": "arn:aws:dynamodb:x:1:table/a b\n🦊" + "c" * 300}
    assert to_dead_letter(record, POISON, "p/").key == f"p/a_b__{'c' * 250}/{FIRST_NUMBER}-{record['eventID']}.json"


@pytest.mark.parametrize("event_id", ["0" * 32, None, 7, "../../x", "é", ""])
def test_to_dead_letter__gives_two_records_different_keys(event_id: object) -> None:
    """Records of two shards can have the same number, so the key also contains their ids."""
    one, two = (to_unreadable_record(3, entity=entity) for entity in ("user-1", "user-2"))
    one["eventID"] = event_id
    two["eventID"] = two["eventID"] if event_id == "0" * 32 else event_id
    keys = [to_dead_letter(record, POISON, "p/").key for record in (one, two, json.loads(json.dumps(one)))]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("body", [b"", b"text", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"payload": {}}'])
def test_read_record__rejects_other_objects(body: bytes) -> None:
    """Any other content raises the same error."""
    with pytest.raises(ValueError, match="not a dead letter"):
        read_record(body)
