"""Layouts for tests."""

import json
from typing import Any

from feature_events.layouts.parser import DEFAULT, parse_table_layouts
from feature_events.layouts.table_layouts import TableLayouts


def to_layouts(*layouts: dict[str, Any]) -> TableLayouts:
    """Return these layouts, or the default, with an empty cache of streams."""
    return TableLayouts(parse_table_layouts(json.dumps(layouts) if layouts else DEFAULT))
