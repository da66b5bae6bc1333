"""Table designs of other teams: the smallest item of each produces the right event, or the right skip."""

from typing import Any

import pytest

from feature_events.layouts.entity_features import EntityFeatures, FeaturesMode, read_entity_features
from feature_events.records.change import Change, Skipped, read_change
from tests.support.layouts import to_layouts
from tests.support.records import to_record

type Json = dict[str, Any]

KEYS = {"pk": {"S": "user_u-1"}}
LAYOUT = {"keys": {"pk": "user_{entity_id}"}, "entity_type": "user", "resource_name": "r", "features": {"except": []}}
BY_NAME = {"keys": {"pk": "{entity_id}", "sk": "{feature}"}, "resource_name": "values"}
TTL = {"features": {"names": ["{feature}"], "except": ["ttl"]}, "updated_at": {"path": "ms", "unit": "ms"}}
IN_MAP = {"features": "features", "updated_at": "features._ts"}
NOON = "2025-10-10T12:00:00.000Z"
NOON_MS = "1760097600000"


def read(layout: Json, item: Json, old: Json | None, keys: Json, mode: FeaturesMode) -> EntityFeatures | Skipped:
    """Return what is read from an inserted item, or from one that had another state before."""
    record = to_record(kind="INSERT" if old is None else "MODIFY", item={})
    body = record["dynamodb"]
    body["Keys"] = keys
    body["NewImage"] = keys | item
    if old is not None:
        body["OldImage"] = keys | old
    change = read_change(record)
    assert isinstance(change, Change)
    return read_entity_features(change, to_layouts(LAYOUT | layout), mode)


@pytest.mark.parametrize(
    ("layout", "item", "entity_id", "features", "updated_at"),
    [
        (
            {"keys": {"pk": "user_{}"}, "attributes": {"userId": "{entity_id}"}},
            {"userId": {"S": "U-Ä1"}, "a": {"N": "1"}},
            "U-Ä1",
            ("a",),
            "",
        ),
        ({"attributes": {"cls": "Features"}}, {"cls": {"S": "Features"}, "name": {"S": "x"}}, "u-1", ("name",), ""),
        ({"attributes": {"deleted": "false"}}, {"deleted": {"BOOL": False}, "a": {"N": "1"}}, "u-1", ("a",), ""),
        (
            {"features": {"except": ["GSI{}"]}},
            {"GSI1PK": {"S": "x"}, "GSI1SK": {"S": "x"}, "a": {"N": "1"}},
            "u-1",
            ("a",),
            "",
        ),
        (
            IN_MAP,
            {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "2025-10-10T12:00:00Z"}}}},
            "u-1",
            ("age",),
            NOON,
        ),
        (
            {"updated_at": [{"path": "updated", "unit": "ms"}, "updated"]},
            {"updated": {"S": "2025-10-10T12:00:00Z"}, "a": {"N": "1"}},
            "u-1",
            ("a",),
            NOON,
        ),
        (
            {"updated_at": ["seen", {"path": "at", "unit": "ms"}]},
            {"seen": {"S": "never"}, "at": {"N": NOON_MS}, "a": {"N": "1"}},
            "u-1",
            ("a",),
            NOON,
        ),
    ],
    ids=[
        "lower-cased keys",
        "discriminator",
        "soft delete",
        "indexes",
        "time in the map",
        "text or number",
        "fallback",
    ],
)
def test_read_entity_features__reads_an_item(
    layout: Json, item: Json, entity_id: str, features: tuple[str, ...], updated_at: str
) -> None:
    """Attributes, wildcards and times are read as the layout says."""
    found = read(layout, item, None, KEYS, "all")
    assert found == EntityFeatures("user", entity_id, "r", features, updated_at, "")


@pytest.mark.parametrize(
    ("layout", "item"),
    [
        ({"attributes": {"cls": "Features"}}, {"cls": {"S": "Profile"}, "name": {"S": "x"}}),
        ({"attributes": {"deleted": "false"}}, {"a": {"N": "1"}, "deleted": {"BOOL": True}}),
    ],
    ids=["discriminator", "soft delete"],
)
def test_read_entity_features__skips_another_item(layout: Json, item: Json) -> None:
    """Another kind of item, and a deleted one."""
    assert read(layout, item, None, KEYS, "all") is Skipped.OTHER_ITEM


@pytest.mark.parametrize(
    ("layout", "item", "old", "keys"),
    [
        (
            BY_NAME | TTL,
            {"value": {"N": "3"}, "ttl": {"N": "11"}, "ms": {"N": "2"}},
            {"value": {"N": "3"}, "ttl": {"N": "10"}, "ms": {"N": "1"}},
            {"pk": {"S": "u-1"}, "sk": {"S": "age"}},
        ),
        (
            IN_MAP,
            {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "2025-10-11T12:00:00Z"}}}},
            {"features": {"M": {"age": {"N": "3"}, "_ts": {"S": "2025-10-10T12:00:00Z"}}}},
            KEYS,
        ),
    ],
    ids=["refreshed time to live", "time in the map"],
)
def test_read_entity_features__skips_an_unchanged_item(layout: Json, item: Json, old: Json, keys: Json) -> None:
    """With FEATURES_MODE=changed, only features count."""
    assert read(layout, item, old, keys, "changed") is Skipped.UNCHANGED


@pytest.mark.parametrize(
    ("version", "updated_at", "expected"),
    [
        (f"TS#{NOON_MS}", {"text": "{written}", "unit": "ms"}, NOON),
        ("TS#2025-10-10T12:00:00Z", {"text": "{written}", "unit": "ms"}, NOON),
        ("TS#2025-10-10", {"text": "{written}T12:00:00"}, NOON),
        (f"TS#{NOON_MS}", {"text": "{written}"}, ""),
        ("TS#latest", [{"text": "{written}", "unit": "ms"}, "at"], "2020-01-01T00:00:00.000Z"),
        (f"TS#{NOON_MS}", ["gone", {"text": "{written}", "unit": "ms"}, "at"], NOON),
    ],
)
def test_read_entity_features__reads_a_time_in_a_composite_key(version: str, updated_at: Json, expected: str) -> None:
    """A number in a key needs a unit, as at a path."""
    keys = {"pk": {"S": "u-1"}, "sk": {"S": version}}
    layout = {"keys": {"pk": "{entity_id}", "sk": "TS#{written}"}, "updated_at": updated_at}
    found = read(layout, {"at": {"S": "2020-01-01"}, "a": {"N": "1"}}, None, keys, "all")
    assert isinstance(found, EntityFeatures)
    assert found.updated_at == expected
