"""docs/layouts.md is true: each recipe gives the events of its store, and the language is the one that is read."""

import json
import re
import subprocess
import sys
from typing import Any, NamedTuple, get_args

import pytest

from feature_events.epoch import Unit, to_iso
from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.members import to_features
from feature_events.layouts.pattern import to_pattern
from feature_events.layouts.reading import DEFAULT, to_table_layouts
from feature_events.layouts.table_layout import Features, TableLayout
from feature_events.records.change import Skipped
from feature_events.settings.settings import read_settings
from local.paths import ROOT
from tests.support.avro import read_avro
from tests.support.captures import Capture, list_stores, read_capture
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.layouts import to_layouts
from tests.support.pipelines import PREFIX, to_pipeline, with_encoder
from tests.writers.stores import STORES

type Json = Any

PAGE = (ROOT / "docs" / "layouts.md").read_text()
LANGUAGE, RECIPES = PAGE.split("\n## Recipes\n")
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CAPTURE = re.compile(r"captures/([\w.-]+)\.jsonl")
AVRO = read_avro(SHIPPED_SCHEMA)
TOLD = ("timestamp", "entity_type", "entity_id", "resource_name", "compute_id", "features")
"""What a layout decides of an event."""


class Recipe(NamedTuple):
    """What the page has about one store."""

    heading: str
    text: str
    stores: list[str]
    """The captures that it names."""
    item: Json
    layouts: list[Json]
    event: Json


def find_blocks(text: str, language: str) -> list[str]:
    """The blocks of this language."""
    return [block for kind, block in BLOCK.findall(text) if kind == language]


def read_table(heading: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading, each cell as it is written."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found, f"no table of {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def find_code(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def to_recipe(section: str) -> Recipe:
    """The recipe of a section with an item, its layouts and its event, in this order."""
    heading, text = section.split("\n", 1)
    item, layouts, event = [json.loads(block) for block in find_blocks(text, "json")]
    return Recipe(heading, text, CAPTURE.findall(text), item, layouts, event)


SECTIONS = re.split(r"^### ", RECIPES, flags=re.MULTILINE)[1:]
COOKED = [to_recipe(section) for section in SECTIONS if find_blocks(section, "json")]
BY_STORE = {store: recipe for recipe in COOKED for store in recipe.stores}
each_recipe = pytest.mark.parametrize("recipe", COOKED, ids=[recipe.heading for recipe in COOKED])
each_store = pytest.mark.parametrize("store", sorted(BY_STORE))


def read_events(capture: Capture, layouts: list[Json]) -> list[Json]:
    """What the pipeline makes of the records, in an account's words: its event, decoded, or why it is skipped."""
    pipeline = with_encoder(to_pipeline(FakePublisher(), FakeDeadLetters()), layouts=to_layouts(*layouts))
    messages, skipped, bad = pipeline.prepare(capture.records, range(len(capture.records)))
    assert bad == {}
    found = {position: {"skipped": str(reason)} for position, reason in skipped.items()}
    for position, message in messages.items():
        event = AVRO.read(message.value.removeprefix(PREFIX))
        found[position] = {name: event[name] for name in TOLD}
    return [found[position] for position in sorted(found)]


def to_comparable(event: Json, written: str = "") -> Json:
    """An event with its features in alphabetical order, and with the change's time where its writer gives none."""
    if "skipped" in event:
        return event
    return {**event, "features": sorted(event["features"]), "timestamp": event["timestamp"] or written}


def to_plain(value: Json) -> Json:
    """An attribute's value without its types; binary is base64."""
    [(kind, inner)] = value.items()
    match kind:
        case "M":
            return {name: to_plain(each) for name, each in inner.items()}
        case "L":
            return [to_plain(each) for each in inner]
        case "N":
            return json.loads(inner)
        case "NULL":
            return None
    return inner


@each_store
def test_recipes__give_the_events_that_the_writer_accounts_for(store: str) -> None:
    """Of each record of the store, an event with all that the writer says, or the skip's reason."""
    capture = read_capture(store)
    found = read_events(capture, BY_STORE[store].layouts)
    times = [to_iso(record["dynamodb"]["ApproximateCreationDateTime"] * 1000) for record in capture.records]
    expected = [to_comparable(*pair) for pair in zip(capture.events, times, strict=True)]
    assert [to_comparable(event) for event in found] == expected


def test_recipes__are_there_for_each_store() -> None:
    """Each capture is named by one recipe, and no other is named."""
    assert sorted(store for recipe in COOKED for store in recipe.stores) == list_stores()


@each_recipe
def test_recipes__show_an_item_and_its_event(recipe: Recipe) -> None:
    """The item is one that the writer wrote, and the event is that item's."""
    capture = read_capture(recipe.stores[0])
    items = [to_plain({"M": record["dynamodb"].get("NewImage", {})}) for record in capture.records]
    position = items.index(recipe.item)
    event = read_events(capture, recipe.layouts)[position]
    if capture.events[position]["timestamp"] is None:
        del event["timestamp"]  # another one whenever the capture is made again
    assert recipe.event == event


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.python])
def test_recipes__name_the_versions_that_were_run(store: str) -> None:
    """A package's version on the page is the one whose records are there."""
    package, version = read_capture(store).writer.replace(",", "").split()[:2]
    assert f"{package} {version}" in " ".join(BY_STORE[store].text.split())


@pytest.mark.parametrize("store", ["feast-0.67", "feast-0.40", "mlforge"])
def test_recipes__tell_a_hash_that_the_store_made(store: str) -> None:
    """The hash under a piece of code for consumers is one of the store's own entity ids."""
    recipe = BY_STORE[store]
    ids = {name: {event.get("entity_id") for event in read_capture(name).events} for name in recipe.stores}
    [code] = find_blocks(recipe.text, "python")
    told = set(re.findall(r"^# ([0-9a-f]+)$", code, re.MULTILINE) + re.findall(r"`([0-9a-f]{32})`", recipe.text))
    assert told & ids[store]
    assert told <= set().union(*ids.values())
    assert compile(code, store, "exec")


def test_recipes__have_code_for_mlforge_that_prints_the_hash() -> None:
    """It needs nothing but Python, so it is run."""
    [code] = find_blocks(BY_STORE["mlforge"].text, "python")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert f"# {run.stdout}" in code


def test_recipes__have_the_default_layout() -> None:
    """What the page has for this project's own tables is what is taken where nothing is given."""
    layouts = BY_STORE["former-service"].layouts
    assert to_table_layouts(json.dumps(layouts)) == to_table_layouts(DEFAULT)


def test_members__are_the_languages() -> None:
    """Every member of a layout is in the table, and no other."""
    assert [name.strip("`") for name, *_ in read_table("member")] == list(TableLayout._fields)


def test_features__have_each_form() -> None:
    """Every form in the table is read, and every form that is read is in it."""
    forms = {type(to_features(json.loads(form.strip("`")))) for form, *_ in read_table("form")}
    assert forms == set(get_args(Features.__value__))


def test_texts__catch_what_the_page_says() -> None:
    """Each text with holes takes its example apart as told."""
    for text, taken, caught in read_table("text"):
        parts = find_code(caught)
        expected = dict(zip(parts[::2], parts[1::2], strict=True))
        assert to_pattern(text.strip("`")).catch(taken.strip("`")) == expected


def test_units__are_the_languages() -> None:
    """Every unit of a time is named, and no other."""
    [sentence] = re.findall(r"The\s+units are ([^.]+)\.", PAGE)
    assert find_code(sentence) == list(get_args(Unit.__value__))


def test_skip_reasons__are_the_codes() -> None:
    """Every reason why an item gives no event is told."""
    reasons = [find_code(done)[0] for _, done in read_table("what happens") if done.startswith("skipped")]
    assert set(reasons) == set(Skipped)


def test_examples__are_accepted_but_for_those_that_are_refused() -> None:
    """A list of layouts is read; where the page says that it is refused, the function says what the page says."""
    accepted, refused = LANGUAGE.split("### What is refused at the start")
    blocks = find_blocks(accepted, "json")
    assert blocks
    for block in blocks:
        assert to_table_layouts(block)
    [layouts], [message] = find_blocks(refused, "json"), find_blocks(refused, "text")
    with pytest.raises(Misconfigured) as caught:
        read_settings({"KAFKA_BROKER_URL": "k:1", "SCHEMA_ID": "7", "TABLE_LAYOUTS": layouts})
    assert str(caught.value) == message.strip()


def test_examples__have_the_error_of_a_table_without_a_layout() -> None:
    """The default layout is for no table of a single-table design, and the page has what is said then."""
    [message] = find_blocks(LANGUAGE.split("### What is refused at the start")[0], "text")
    with pytest.raises(Misconfigured) as caught:
        read_events(read_capture("single-table"), [])
    assert str(caught.value) == message.strip()


def test_links__lead_to_headings() -> None:
    """Every link within the page leads to one of its headings."""
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
    assert {recipe.heading for recipe in COOKED} <= set(headings)
