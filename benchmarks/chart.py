"""Draws the results as SVG: plain shapes and text, which any browser shows and any diff can tell apart."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from benchmarks.results import Results
from benchmarks.throughput import FEATURES, WAYS

_WIDTH, _LEFT, _BAR, _GAP = 860, 250, 18, 6
_COLOURS = {
    "ours": "#0b7285",
    "usual": "#e8590c",
    "former": "#f59f00",
    "prebuilt": "#868e96",
    "parse": "#495057",
}
_ORDER = ("former", "usual", "parse", "ours", "prebuilt")
_RECORDS = 1_000
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#212529}"
    ".t{font-weight:600}.s{fill:#495057;font-size:12px}.v{font-variant-numeric:tabular-nums}"
)


class Bar(NamedTuple):
    """One bar: its name, its length in the group's unit, its colour, and what is written at its end."""

    title: str
    value: float
    colour: str
    label: str


def to_svg(results: Results) -> str:
    """CPU of one record at a thousand records, one group for each number of features, and json.loads as the measure."""
    titles = {way.name: way.title for way in WAYS}
    shapes: list[str] = []
    y = 64
    for features in FEATURES:
        parse = results.find_cost("parse", features, _RECORDS).cpu_us
        costs = {name: results.find_cost(name, features, _RECORDS).cpu_us for name in _ORDER}
        bars = [
            Bar(titles[name], cost, _COLOURS[name], f"{cost / parse:.2f} x json.loads, {cost:.1f} µs")
            for name, cost in costs.items()
        ]
        shapes += [_to_text(16, y, f"{features} features", "t"), *_to_bars(bars, y + 12)]
        y += 12 + len(bars) * (_BAR + _GAP) + 34
    made = results.made
    about = (
        f"{made['date']}, Python {made['Python']}, librdkafka {made['librdkafka']}, least of many rounds; "
        "each group has a scale of its own"
    )
    size = f'viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="CPU time of one record">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{y}" rx="8" fill="#fff"/>',
            _to_text(16, 28, "CPU of one record, from stream record to acknowledged event", "t"),
            _to_text(16, 46, f"batches of {_RECORDS:,} records; shorter is better", "s"),
            *shapes,
            _to_text(16, y - 12, about, "s"),
            "</svg>\n",
        ]
    )


def _to_bars(bars: Sequence[Bar], top: int) -> Iterator[str]:
    room = _WIDTH - _LEFT - 200
    longest = max(bar.value for bar in bars)
    for number, bar in enumerate(bars):
        y = top + number * (_BAR + _GAP)
        width = max(1.0, bar.value / longest * room)
        yield _to_text(_LEFT - 10, y + 13, bar.title, "", anchor="end")
        yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{bar.colour}"/>'
        yield _to_text(round(_LEFT + width + 8), y + 13, bar.label, "s v")


def _to_text(x: int, y: int, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
