"""The examples in docs/layouts.md work: recipes produce the right events, and layouts are parsed as described."""

import json
import re
import subprocess
import sys
from typing import Any, NamedTuple, get_args

import pytest

from feature_events.epoch import Unit, to_iso
from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA
from feature_events.layouts.members import parse_features, parse_times
from feature_events.layouts.parser import DEFAULT, parse_table_layouts
from feature_events.layouts.pattern import parse_pattern
from feature_events.layouts.table_layout import FeatureNames, TableLayout, TimePath, TimeText
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
EVENT_FIELDS = ("timestamp", "entity_type", "entity_id", "resource_name", "compute_id", "features")
"""The fields of an event that a layout decides."""


class Recipe(NamedTuple):
    """A recipe on the page."""

    heading: str
    text: str
    stores: list[str]
    """The captures that the recipe names."""
    layouts: list[Json]
    item: Json
    """None if the recipe has only layouts, for several stores."""
    event: Json


def find_blocks(text: str, language: str) -> list[str]:
    """Return the code blocks in this language."""
    return [block for kind, block in BLOCK.findall(text) if kind == language]


def read_table(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading, as they are written."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found, f"no table with the column {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def find_code(text: str) -> list[str]:
    """Return the texts between backticks."""
    return re.findall(r"`([^`]+)`", text)


def to_recipe(section: str) -> Recipe:
    """Parse a section, which has an item, its layouts and its event in this order, or only layouts."""
    heading, text = section.split("\n", 1)
    blocks = [json.loads(block) for block in find_blocks(text, "json")]
    item, layouts, event = blocks if blocks[1:] else (None, *blocks, None)
    return Recipe(heading, text, CAPTURE.findall(text), layouts, item, event)


SECTIONS = re.split(r"^### ", RECIPES, flags=re.MULTILINE)[1:]
STORE_RECIPES = [to_recipe(section) for section in SECTIONS if find_blocks(section, "json")]
BY_STORE = {store: recipe for recipe in STORE_RECIPES for store in recipe.stores}
WITH_ITEM = [recipe for recipe in STORE_RECIPES if recipe.item]
each_recipe = pytest.mark.parametrize("recipe", WITH_ITEM, ids=[recipe.heading for recipe in WITH_ITEM])
each_store = pytest.mark.parametrize("store", sorted(BY_STORE))


def read_events(capture: Capture, layouts: list[Json]) -> list[Json]:
    """Return what the pipeline makes of the records: the decoded events, and the reasons of skipped records."""
    pipeline = with_encoder(to_pipeline(FakePublisher(), FakeDeadLetters()), layouts=to_layouts(*layouts))
    messages, skipped, bad = pipeline.prepare(capture.records, range(len(capture.records)))
    assert bad == {}
    found = {position: {"skipped": str(reason)} for position, reason in skipped.items()}
    for position, message in messages.items():
        event = AVRO.read(message.value.removeprefix(PREFIX))
        found[position] = {name: event[name] for name in EVENT_FIELDS}
    return [found[position] for position in sorted(found)]


def to_comparable(event: Json, written: str = "") -> Json:
    """Sort an event's features, and use the time of the change if the event has none."""
    if "skipped" in event:
        return event
    return {**event, "features": sorted(event["features"]), "timestamp": event["timestamp"] or written}


def to_plain(value: Json) -> Json:
    """Return an attribute's value without types; binary is base64."""
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
def test_recipes__produce_the_events_that_the_writers_expect(store: str) -> None:
    """Each record of the store produces the expected event, or is skipped for the expected reason."""
    capture = read_capture(store)
    found = read_events(capture, BY_STORE[store].layouts)
    times = [to_iso(record["dynamodb"]["ApproximateCreationDateTime"] * 1000) for record in capture.records]
    expected = [to_comparable(*pair) for pair in zip(capture.events, times, strict=True)]
    assert [to_comparable(event) for event in found] == expected


def test_recipes__exist_for_each_store() -> None:
    """Each capture is named by exactly one recipe."""
    assert sorted(store for recipe in STORE_RECIPES for store in recipe.stores) == list_stores()


@each_recipe
def test_recipes__show_an_item_and_its_event(recipe: Recipe) -> None:
    """The item is one that the store wrote, and the event is that of the item."""
    capture = read_capture(recipe.stores[0])
    items = [to_plain({"M": record["dynamodb"].get("NewImage", {})}) for record in capture.records]
    position = items.index(recipe.item)
    event = read_events(capture, recipe.layouts)[position]
    if capture.events[position]["timestamp"] is None:
        del event["timestamp"]  # changes whenever the capture is repeated
    assert recipe.event == event


@pytest.mark.parametrize("store", [name for name, store in STORES.items() if store.python or store.uses_node])
def test_recipes__name_the_tested_versions(store: str) -> None:
    """The version on the page is that of the capture."""
    package, version = read_capture(store).writer.replace(",", "").split()[:2]
    assert f"{package} {version}" in " ".join(BY_STORE[store].text.split())


@pytest.mark.parametrize("store", ["feast-0.67", "feast-0.40", "mlforge"])
def test_recipes__show_real_hashes(store: str) -> None:
    """The hashes in a recipe are entity ids of the store."""
    recipe = BY_STORE[store]
    ids = {name: {event.get("entity_id") for event in read_capture(name).events} for name in recipe.stores}
    [code] = find_blocks(recipe.text, "python")
    shown = set(re.findall(r"^# ([0-9a-f]+)$", code, re.MULTILINE) + re.findall(r"`([0-9a-f]{32})`", recipe.text))
    assert shown & ids[store]
    assert shown <= set().union(*ids.values())
    assert compile(code, store, "exec")


@pytest.mark.parametrize("store", ["mlforge", "chronon"])
def test_recipes__print_what_they_show(store: str) -> None:
    """Code that needs only Python is run."""
    [code] = find_blocks(BY_STORE[store].text, "python")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert f"# {run.stdout}" in code


def test_recipe_of_own_tables__is_the_default_layout() -> None:
    """The recipe for this project's own tables is the default of TABLE_LAYOUTS."""
    layouts = BY_STORE["former-service"].layouts
    assert parse_table_layouts(json.dumps(layouts)) == parse_table_layouts(DEFAULT)


def find_ignored(layout: Json) -> set[str]:
    """Return the placeholders of the keys that are in neither the entity nor the resource.

    If these come from attributes, the attributes identify the item instead of the keys.
    """
    [parsed] = parse_table_layouts(json.dumps([layout]))
    used = {name for part in (parsed.entity_type, parsed.entity_id, parsed.resource_name) for name in part.placeholders}
    if any(name in used for attribute in parsed.attributes for name in attribute.value.placeholders):
        return set()
    keys = [part for key in parsed.keys for part in key]
    unnamed = {"" for part in keys if "{}" in part.text}
    return ({name for part in keys for name in part.placeholders} | unnamed) - used


def test_units__are_those_of_the_layouts() -> None:
    """The page names the recipes in which several items have the same entity and resource."""
    section = PAGE.split("### The unit of the state rule\n")[1].split("\n### ")[0]
    found = {
        recipe.heading: find_ignored(each) for recipe in STORE_RECIPES for each in recipe.layouts if find_ignored(each)
    }
    assert found == {"One feature per item": {"feature"}, "Databricks": {""}, "Chronon": {""}}
    named = {anchor.replace("-", " ") for anchor in re.findall(r"\]\(#([^)]+)\)", section)}
    assert named == {heading.lower() for heading in found}


def test_members__are_complete() -> None:
    """The table contains exactly the members of a layout."""
    assert [name.strip("`") for name, *_ in read_table("member")] == list(TableLayout._fields)


def test_forms_of_features__are_complete() -> None:
    """The table contains all forms, and each is parsed."""
    forms = {type(parse_features(json.loads(form.strip("`")))) for form, *_ in read_table("form")}
    assert forms == set(get_args(FeatureNames.__value__))


def test_places_of_times__are_complete() -> None:
    """The table contains all places of a time, and each is parsed."""
    places = [time for place, *_ in read_table("place") for time in parse_times(json.loads(place.strip("`")))]
    assert {type(place) for place in places} == {TimePath, TimeText}


def test_patterns__capture_what_the_page_says() -> None:
    """Each pattern in the table captures the parts that its row contains."""
    for text, matched, captures in read_table("text"):
        parts = find_code(captures)
        expected = dict(zip(parts[::2], parts[1::2], strict=True))
        assert parse_pattern(text.strip("`")).match(matched.strip("`")) == expected


def test_units__are_complete() -> None:
    """The page names all units of a time."""
    [sentence] = re.findall(r"The\s+units\s+are ([^.]+)\.", PAGE)
    assert find_code(sentence) == list(get_args(Unit.__value__))


def test_skip_reasons__are_complete() -> None:
    """The page names all reasons to skip a record."""
    reasons = [find_code(result)[0] for _, result in read_table("situation") if result.startswith("skipped")]
    assert set(reasons) == set(Skipped)


def test_examples__are_accepted_or_refused_as_shown() -> None:
    """Layouts before the section about errors are valid. Those in it cause the error on the page."""
    accepted, refused = LANGUAGE.split("### Errors at the start")
    blocks = find_blocks(accepted, "json")
    assert blocks
    for block in blocks:
        assert parse_table_layouts(block)
    [layouts], [message] = find_blocks(refused, "json"), find_blocks(refused, "text")
    with pytest.raises(Misconfigured) as raised:
        read_settings({"KAFKA_BROKER_URL": "k:1", "SCHEMA_ID": "7", "TABLE_LAYOUTS": layouts})
    assert str(raised.value) == message.strip()


def test_examples__contain_the_error_for_a_table_without_layout() -> None:
    """The example is a single-table design with the default layout."""
    [message] = find_blocks(LANGUAGE.split("### Errors at the start")[0], "text")
    with pytest.raises(Misconfigured) as raised:
        read_events(read_capture("single-table"), [])
    assert str(raised.value) == message.strip()
