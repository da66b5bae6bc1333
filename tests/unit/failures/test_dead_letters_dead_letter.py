"""A dead letter's key says where its record came from and is its own; the record can be read back."""

import json

import pytest

from feature_events.errors import PoisonRecord
from feature_events.failures.dead_letters import read_record, to_dead_letter
from tests.support.records import FIRST_NUMBER, to_unreadable_record

POISON = PoisonRecord("features.data: features is not a map")


@pytest.mark.parametrize("record", [None, 7, "text", [], {}, {"dynamodb": {"SequenceNumber": "../x"}}, "\ud800"])
def test_to_dead_letter__names_what_has_no_name(record: object) -> None:
    """Where a record has no number, its content gives the key; equal records have equal keys."""
    one, two = (to_dead_letter(record, POISON, "p/") for _ in range(2))  # type: ignore[arg-type]  # anything at all
    assert one == two
    assert one.key.startswith("p/unknown/")
    assert read_record(one.body) == record


def test_to_dead_letter__makes_a_key_of_any_table_name() -> None:
    """Whatever an ARN holds, the key stays under the prefix and readable."""
    record = {**to_unreadable_record(), "eventSourceARN": "arn:aws:dynamodb:x:1:table/a b\n🦊" + "c" * 300}
    assert to_dead_letter(record, POISON, "p/").key == f"p/a_b__{'c' * 250}/{FIRST_NUMBER}-{record['eventID']}.json"


@pytest.mark.parametrize("event_id", ["0" * 32, None, 7, "../../x", "é", ""])
def test_to_dead_letter__never_gives_two_records_one_key(event_id: object) -> None:
    """Records of two shards of a table may have one number: what is theirs alone is in the key too."""
    one, two = (to_unreadable_record(3, entity=entity) for entity in ("user-1", "user-2"))
    one["eventID"] = event_id
    two["eventID"] = two["eventID"] if event_id == "0" * 32 else event_id
    keys = [to_dead_letter(record, POISON, "p/").key for record in (one, two, json.loads(json.dumps(one)))]
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize("body", [b"", b"text", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"payload": {}}'])
def test_read_record__refuses_what_is_no_dead_letter(body: bytes) -> None:
    """Somebody else's object has one error, whatever is in it."""
    with pytest.raises(ValueError, match="no dead letter"):
        read_record(body)
