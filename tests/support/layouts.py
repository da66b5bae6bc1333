"""Layouts as a function has them."""

import json
from typing import Any

from feature_events.layouts.parser import DEFAULT, parse_table_layouts
from feature_events.layouts.table_layouts import TableLayouts


def to_layouts(*layouts: dict[str, Any]) -> TableLayouts:
    """These layouts, or the default; they know no stream yet."""
    return TableLayouts(parse_table_layouts(json.dumps(layouts) if layouts else DEFAULT))
