"""The project's text has the words of its field: Kafka's, AWS's and DynamoDB's own.

A tired person on call searches for a term and finds it in the documentation of what failed. Only words are here that
a pattern cannot mistake.
"""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from local.paths import ROOT

PLACES = (".",)
"""What is looked at, as git's pathspecs."""

NOT_OURS = (
    ":!LICENSE",
    ":!*/requirements.txt",
    ":!requirements/*.txt",
    ":!*.lock",
    ":!*.svg",
    ":!tests/contract/asyncapi",
    ":!tests/docs/test_words.py",
)
"""Other people's text, what tools write, and the old words themselves."""


class OldWord(NamedTuple):
    """A word that is not the field's."""

    pattern: str
    """In a text without line breaks, whatever the case, where no letter stands on either side."""
    example: str
    instead: str


OLD_WORDS = (
    OldWord(r"sign(s|ing)?[-_ ]+in|signed[-_ ]+in[-_ ]+(to|by|with|as|at)", "how it signs in", "authenticate"),
    OldWord(r"authorities|private authority", "test_authorities", "CA certificates"),
    OldWord(r"set(s|ting)?([-_ ]+\w+?){0,6}[-_ ]+aside", "sets_one_record_aside", "dead-letter"),
    OldWord(
        r"(give|gives|given|gave|giving)([-_ ]+\w+?){0,2}[-_ ]+up", "gives the batch up", "send to the destination"
    ),
    OldWord(r"deliver(s|ed|ing)?([-_ ]+\w+?){0,2}[-_ ]+(again|anew)", "delivers it again", "retry"),
    OldWord(r"anew", "read anew", "again"),
    OldWord(r"mend(s|ed|ing)?", "once it is mended", "fix"),
    OldWord(r"test_line|the +whole +line +on|down +the +line", "test_line__sends", "pipeline"),
    OldWord(r"way +to +(it|S3|DynamoDB|Kafka|the +(brokers?|bucket|registry|cluster))", "a way to S3", "network path"),
    OldWord(r"Confluent('s)?[- ]+frame[ds]?", "Confluent's frame", "wire-format prefix"),
    OldWord(r"(?<!font-)weigh(s|ed|ing|t|ts)?", "its weight", "size"),
    OldWord(r"portions?", "_PORTION", "chunk"),
    OldWord(r"time-outs?", "the time-out", "timeout"),
    OldWord(r"cannot +be:", "what cannot be:", "must be ..."),
    OldWord(r"other[-_ ]+schemas?", "other_schema", "registry schema"),
    OldWord(r"present[-_ ]+items?", "present_items", "current item"),
    OldWord(r"passing[-_ ]+(stack|director|error|fault|failure|environment)\w*", "PASSING_STACKS", "ephemeral"),
    OldWord(r"may +not", "it may not be read", "must not, or might not"),
)
GOOD = (
    "the request is signed in the client",
    "font-weight: bold",
    "set it beside",
    "recommended and amended",
    "in proportion to its length",
    "a message times out",
    "another schema",
    "the passing of time",
    "the only way to know",
    "a stack frame",
)
"""What the patterns must not find."""


def find(word: OldWord, text: str) -> list[tuple[int, str]]:
    """The lines, counted from 1, in which the word begins, each with what was found."""
    flat = re.sub(r"[\"']?\n[ \t]*(#|f?[\"'])?", lambda found: " " * len(found[0]), text)
    pattern = rf"(?<![a-z])({word.pattern})(?![a-z])"
    return [(text.count("\n", 0, found.start()) + 1, found[0]) for found in re.finditer(pattern, flat, re.IGNORECASE)]


@cache
def read_texts() -> dict[str, str]:
    """The text of each file that git has of the places, by its name; links are read where they lead to."""
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is not git's, so nothing says which files are the project's")
    listed = subprocess.run(  # noqa: S603  # git, on our own text
        ["git", "ls-files", "-z", "--", *PLACES, *NOT_OURS],  # noqa: S607  # wherever git is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert names
    return {name: Path(ROOT / name).read_text() for name in names}


@pytest.mark.parametrize("word", OLD_WORDS, ids=lambda word: word.instead)
def test_words__are_the_fields(word: OldWord) -> None:
    """No text has the old word, nor has a file's name; where one has, the failure names file, line and the new word."""
    names = [f"{name}: its name" for name in read_texts() if find(word, name)]
    lines = [f"{name}:{line}: {found}" for name, text in read_texts().items() for line, found in find(word, text)]
    assert [*names, *lines] == [], f"write: {word.instead}"


@pytest.mark.parametrize("word", OLD_WORDS, ids=lambda word: word.instead)
def test_find__knows_each_word_in_its_forms(word: OldWord) -> None:
    """The pattern finds its example, also where a line ends inside it, and none of the good words."""
    beginning, _, end = word.example.rpartition(" ")
    assert [line for line, _ in find(word, f"first\n{word.example}")] == [2]
    assert len(find(word, f"# {beginning}\n    # {end}")) == 1
    assert [text for text in GOOD if find(word, text)] == []
