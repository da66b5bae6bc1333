"""docs/comparison.md has a source for every claim, and describes the same products in every table.

test_pages.py follows its links to this project, and test_readme.py checks that README.md links the page.
"""

import re

import pytest

from local.paths import ROOT

PAGE = ROOT / "docs" / "comparison.md"
TEXT = PAGE.read_text()
MOST_LINES = 250
UNKNOWN = "not documented"
PRODUCTS = [
    "this project",
    "Confluent's connector",
    "Redpanda Connect",
    "EventBridge Pipes",
    "kafka-connect-dynamodb",
    "Powertools function",
]
TOPICS = [
    "what is sent",
    "serialization and registry",
    "order per key",
    "delivery guarantee",
    "poison records and dead letters",
    "redrive",
    "initial load",
    "only missing items",
    "latency",
    "throughput and limits",
    "several tables",
    "deletions and time to live",
    "authentication to MSK",
    "several regions",
    "what runs all day, and scaling",
    "what you pay for",
    "alarms",
    "monitoring",
    "transformations",
    "installation",
    "license",
    "maturity and support",
]
DEFINITIONS = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", TEXT, re.MULTILINE))
USED = re.findall(r"\]\[([^\]]+)\]", TEXT)


def split_row(line: str) -> list[str]:
    """Return the cells of a table's row."""
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def read_tables() -> list[list[list[str]]]:
    """Return the tables that compare the products, each as rows of cells. The first row has the topics."""
    tables = re.findall(r"^\| product \|.*(?:\n\|.*)+", TEXT, re.MULTILINE)
    rows = [[line for line in table.splitlines() if not line.startswith("|---")] for table in tables]
    return [[split_row(line) for line in lines] for lines in rows]


TABLES = read_tables()
CELLS = [
    pytest.param(cell, id=f"{topic} of {row[0]}")
    for (_, *topics), *rows in TABLES
    for row in rows
    for topic, cell in zip(topics, row[1:], strict=True)
]


def test_page__is_short() -> None:
    """A reader sees what decides between the products, and follows the links for everything else."""
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_page__says_when_its_sources_were_read() -> None:
    """The products change, so a reader needs the date."""
    assert re.search(r"read on \d{1,2} [A-Z][a-z]+ 20\d\d", " ".join(TEXT.split()))


def test_tables__have_every_topic() -> None:
    """Each topic that decides between the products has one column."""
    assert [topic for (_, *topics), *_ in TABLES for topic in topics] == TOPICS


def test_tables__have_the_same_products() -> None:
    """Each table has every product, in the same order."""
    assert [[row[0] for row in rows] for _, *rows in TABLES] == [PRODUCTS] * len(TABLES)


def test_products__are_introduced() -> None:
    """The first table says what each product is."""
    (table,) = re.findall(r"^\| name \|.*(?:\n\|.*)+", TEXT, re.MULTILINE)
    assert [split_row(line)[0] for line in table.splitlines()[2:]] == PRODUCTS


@pytest.mark.parametrize("cell", CELLS)
def test_cells__have_a_source(cell: str) -> None:
    """Each cell has a link, or says that no source was found."""
    assert cell == UNKNOWN or re.search(r"\]\[[^\]]+\]|\]\([^)]+\)", cell)


def test_our_cells__link_to_this_project() -> None:
    """Each claim about this project has a link to a file of it, which test_pages.py follows."""
    cells = [cell for _, ours, *_ in TABLES for cell in ours[1:]]
    assert [cell for cell in cells if not re.search(r"\]\((?!https?:)[^)]+\)", cell)] == []


def test_links__are_defined_and_used() -> None:
    """Each link by name has one address, and each address is used."""
    assert set(USED) == set(DEFINITIONS)
    assert len(set(DEFINITIONS.values())) == len(DEFINITIONS)


def test_links__by_name_lead_to_other_sites() -> None:
    """Sources of other products are https addresses. Links to this project are written in the text."""
    assert [address for address in DEFINITIONS.values() if not address.startswith("https://")] == []
