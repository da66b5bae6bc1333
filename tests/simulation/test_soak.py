"""The soak finds what grows, and nothing where all is flat."""

from tests.simulation.soak import Window, find_growth, to_plot

FLAT = [Window(2.0 * number, 80 + number % 3, 12, 5 + number % 2) for number in range(40)]


def test_find_growth__finds_none_where_all_is_flat() -> None:
    """Noise is no growth, nor is what the first quarter fills."""
    warm = [window._replace(megabytes=40) if number < 8 else window for number, window in enumerate(FLAT)]
    assert find_growth(warm) == []


def test_find_growth__finds_each_leak() -> None:
    """Memory, files and latency that grow by the minute are each named."""
    leak = [Window(each.at, 80 + each.at, 12 + each.at, 5 + each.at) for each in FLAT]
    assert [line.partition(":")[0] for line in find_growth(leak)] == ["memory, MB", "open files", "latency, median ms"]


def test_to_plot__draws_every_window() -> None:
    """The plot has one line for each figure, with a point for each window."""
    plot = to_plot(FLAT)
    assert plot.count("<polyline") == 3
    assert plot.split('points="')[1].split('"')[0].count(",") == len(FLAT)
