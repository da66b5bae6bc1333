"""Draw the results as an SVG of plain shapes and text, which browsers and diffs can show."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from benchmarks.results import Results
from benchmarks.throughput import CONTENDERS, FEATURES

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
    """One bar: its name, length, colour and label."""

    title: str
    value: float
    colour: str
    label: str


def draw_chart(results: Results) -> str:
    """Draw the CPU of one record in batches of 1,000 records, with a group for each number of features."""
    titles = {each.name: each.title for each in CONTENDERS}
    shapes: list[str] = []
    y = 64
    for features in FEATURES:
        parse = results.find_cost("parse", features, _RECORDS).cpu_us
        costs = {name: results.find_cost(name, features, _RECORDS).cpu_us for name in _ORDER}
        bars = [
            Bar(titles[name], cost, _COLOURS[name], f"{cost / parse:.2f} x json.loads, {cost:.1f} µs")
            for name, cost in costs.items()
        ]
        shapes += [_draw_text(16, y, f"{features} features", "t"), *_draw_bars(bars, y + 12)]
        y += 12 + len(bars) * (_BAR + _GAP) + 34
    made = results.made
    about = (
        f"{made['date']}, Python {made['Python']}, librdkafka {made['librdkafka']}, minimum of many rounds; "
        "each group has a different scale"
    )
    size = f'viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="CPU time of one record">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{y}" rx="8" fill="#fff"/>',
            _draw_text(16, 28, "CPU of one record, from stream record to acknowledged event", "t"),
            _draw_text(16, 46, f"batches of {_RECORDS:,} records; shorter is better", "s"),
            *shapes,
            _draw_text(16, y - 12, about, "s"),
            "</svg>\n",
        ]
    )


def _draw_bars(bars: Sequence[Bar], top: int) -> Iterator[str]:
    room = _WIDTH - _LEFT - 200
    longest = max(bar.value for bar in bars)
    for number, bar in enumerate(bars):
        y = top + number * (_BAR + _GAP)
        width = max(1.0, bar.value / longest * room)
        yield _draw_text(_LEFT - 10, y + 13, bar.title, "", anchor="end")
        yield f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{bar.colour}"/>'
        yield _draw_text(round(_LEFT + width + 8), y + 13, bar.label, "s v")


def _draw_text(x: int, y: int, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(text)}</text>'
