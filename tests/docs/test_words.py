"""All text of the project uses the terms of its field, and plain English phrases.

An engineer on call searches for a term and finds it in the documentation of Kafka, AWS or DynamoDB. The patterns
contain only phrases that are always wrong here, so a match needs no judgement.
"""

import re
import subprocess
from functools import cache
from typing import NamedTuple

import pytest

from local.paths import ROOT

FILES = (
    ".",
    ":!LICENSE",
    ":!*/requirements.txt",
    ":!requirements/*.txt",
    ":!*.lock",
    ":!*.svg",
    ":!tests/contract/asyncapi",
    ":!tests/docs/test_words.py",
)
"""The files to check, as pathspecs of git: not other people's text, nor output of tools, nor this list."""

SEPARATOR = "[-_ ]+"


class Phrase(NamedTuple):
    """A phrase to replace."""

    pattern: str
    """A regular expression that ignores case and matches whole words. A space matches any spaces, hyphens and
    underscores, so that names in code are found too."""
    example: str
    instead: str


TERMS = (
    Phrase(r"sign(s|ing)? in|signed in (to|by|with|as|at)", "how it signs in", "authenticate"),
    Phrase("authorities|private authority", "test_authorities", "CA certificates"),
    Phrase(r"set(s|ting)?( \w+?){0,6} aside", "sets_one_record_aside", "dead-letter"),
    Phrase(r"(give|gives|given|gave|giving)( \w+?){0,2} up", "gives the batch up", "send to the destination"),
    Phrase(r"deliver(s|ed|ing)?( \w+?){0,2} (again|anew)", "delivers it again", "retry"),
    Phrase("anew", "read anew", "again"),
    Phrase("mend(s|ed|ing)?", "once it is mended", "fix"),
    Phrase("test_line|the whole line on|down the line", "test_line__sends", "pipeline"),
    Phrase("way to (it|S3|DynamoDB|Kafka|the (brokers?|bucket|registry|cluster))", "a way to S3", "network path"),
    Phrase("Confluent('s)? frame[ds]?", "Confluent's frame", "wire-format prefix"),
    Phrase(r"(?<!font-)weigh(s|ed|ing|t|ts)?", "its weight", "size"),
    Phrase("portions?", "_PORTION", "chunk"),
    Phrase("time-outs?", "the time-out", "timeout"),
    Phrase("cannot be:", "what cannot be:", "must be ..."),
    Phrase("other schemas?", "other_schema", "registry schema"),
    Phrase("present items?", "present_items", "current item"),
    Phrase(r"passing (stack|director|error|fault|failure|environment)\w*", "PASSING_STACKS", "ephemeral"),
    Phrase("may not", "it may not be read", "must not, or might not"),
    Phrase("holes?", "text with holes", "placeholder"),
    Phrase('(?<!")prob(e|es|ed|ing)', "each part has its probe", "check, or first message of a retry"),
    Phrase("(the|our|both|its) (house|room)s?", "the order of the house", "architecture, package"),
    Phrase("records? walk|walk of a record", "a_records_walk", "path of a record"),
)
"""Words for which the field has its own term."""

_EVENT = "(no|an?|the|its|their|one|two|three|each|that) (same )?events?"
_SETTING = "(it|there|they|this|that|nothing|none|no|neither|all|both|an?|the|its|one)"
_KIND = (
    "(json|layouts?|events?|map|list|number|text|string|uuid|arn|object|record|batch|table|topic|registry|"
    "dead letters?|url|pem|answer|file|name|time|key|features?|item|stream|address|schema|secret|certificate|failure|"
    "code|package)"
)

PHRASES = (
    Phrase(f"(gives?|gave|giving) {_EVENT}|{_EVENT} given", "an insert gives an event", "produce, publish"),
    Phrase(
        "(comes?|came|coming|brings?|brought) to (an|no|its|their|which|the) ends?",
        "all before it has come to an end",
        "is settled, finish",
    ),
    Phrase("(what|which|how many|that) (became|becomes|has become|came) of", "what became of each", "outcome"),
    Phrase(
        r"(?<!reason\s)behind (it|them|(an?|the|each|every|any|another) "
        "(first|last|older|newer|bad|good|next|undelivered|record|event|message|batch|change|failure)s?)",
        "the records behind it",
        "after",
    ),
    Phrase(
        rf"([.:;!] |\"\"\")where {_SETTING} [^.;:?!]{{3,80}}, |"
        rf"(empty|none|null|absent|false|true|also|even|only|except|unless) where {_SETTING}",
        "also where it fails",
        "if",
    ),
    Phrase("who(so)?ever", "whoever deploys", "anyone who, the operator"),
    Phrase(rf"(?<!there\s)(is|are|was|were) no {_KIND}(?! of\b)", "this is no JSON", "is not ..."),
    Phrase("; whether|whether (that|it) worked", "stores it; whether", "Return True on success"),
    Phrase("rightly|indeed|as one likes|all the same(?=[.,;:])", "is rightly skipped", "by design, or nothing"),
    Phrase(
        "(goes|went) on(?=[.,;:]| (with|where|from|until|when|again|behind|as))|"
        "go(ing)? on (with|where|from|until|behind)",
        "it goes on with the next",
        "continue, resume",
    ),
    Phrase(
        r"stands? (behind|beside|before|nowhere|between|on|there|above|below|at)|stands in(?! for)|"
        "(what|write|record|change|still) (still )?stands?(?! for)",
        "what still stands",
        "is, applies",
    ),
    Phrase("nobody|somebody|a person(?!')", "somebody must act", "no one, someone, the operator"),
    Phrase(
        r"(an?|one|no) (\w+ ){1,3}of (its|their|your|our) own|by (itself|themselves)",
        "a file of its own",
        "its own, separate",
    ),
    Phrase(
        "(is|are|was|were|be|been|being) asked|asks? (for|nobody|nothing|whether|who|what)|asked for",
        "Kafka is asked",
        "request, call, require",
    ),
    Phrase("(is|are|was|were|be) told|told (apart|by)|tells? (of|apart|nothing)", "it is told", "report, distinguish"),
    Phrase("says? of|said of|says? nothing", "says of each record", "report for each"),
    Phrase("unless (told|asked)", "unless told otherwise", "by default"),
    Phrase(r"\*again when", "*Again when* it grows", "revisit when"),
    Phrase("(comes?|came|come) again", "it comes again", "is repeated, retried"),
    Phrase(r"(?<!all\s)at once", "answers at once", "immediately, or concurrently"),
    Phrase("beside", "the file beside it", "next to, in addition to"),
    Phrase("hand(s|ed|ing)? over", "Lambda hands over", "pass"),
    Phrase("in hand", "what it has in hand", "being processed"),
    Phrase("as good as", "is as good as none", "counts as"),
    Phrase("for good(?=[.,;:)]| and| while| when)", "fails for good.", "permanently"),
    Phrase("(that|which|it|what) (is|are|was) (not )?there(?=[.,;:)])", "a topic that is not there.", "exists"),
)
"""Phrases that a reader must read twice."""

GOOD = (
    "the request is signed in the client",
    "font-weight: bold",
    "set it next to the other",
    "recommended and amended",
    "in proportion to its length",
    "a message times out",
    "another schema",
    "the passing of time",
    "the only way to know",
    "a stack frame",
    "a placeholder for the whole text",
    "the problem, probably",
    "a warehouse with a room",
    "given an event source mapping; given the event",
    "the end of the stream came",
    "how far behind the function is; behind a proxy; the reason behind it",
    "The bucket where it is stored. Where is it?",
    "there is no table; it is no longer a record; is no event of this kind",
    "it stands for the table; a stand-in; MiniStack stands in for AWS; the standard",
    "a person's name is personal data",
    "its own file; the owner; those of its own tables; by our own code",
    "a task; the mask; asking",
    "retold",
    "all at once",
    "besides",
    "for good reasons",
    "the other hand; in handler.py",
    "there is nothing there",
)
"""Good English that no pattern may match."""


def find(phrase: Phrase, text: str) -> list[tuple[int, str]]:
    """Return the line number and the text of each match in a flat text."""
    pattern = phrase.pattern.replace(" ", SEPARATOR)
    # No letter before the first letter, and none after the last
    whole_words = rf"(?:(?<![a-z])|(?=[^a-z]))({pattern})(?:(?![a-z])|(?<=[^a-z]))"
    found = re.finditer(whole_words, flatten(text), re.IGNORECASE)
    return [(text.count("\n", 0, each.start()) + 1, each[0]) for each in found]


@cache
def flatten(text: str) -> str:
    """Replace each line break, with the comment sign or quotes around it, by as many spaces."""
    return re.sub(r"[\"']?\n[ \t]*(#|f?[\"'])?", lambda found: " " * len(found[0]), text)


@cache
def read_texts() -> dict[str, str]:
    """Return the text of each file in git by its name."""
    if not (ROOT / ".git").exists():
        pytest.skip("without git, the project's files are unknown")
    listed = subprocess.run(  # noqa: S603  # git, on our own text
        ["git", "ls-files", "-z", "--", *FILES],  # noqa: S607  # git is found on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert names
    return {name: (ROOT / name).read_text() for name in names}


each_phrase = pytest.mark.parametrize("phrase", [*TERMS, *PHRASES], ids=lambda phrase: phrase.example)


@each_phrase
def test_texts__use_the_right_words(phrase: Phrase) -> None:
    """No text or file name has the phrase. A failure names the file, the line and the replacement."""
    names = [f"{name}: its name" for name in read_texts() if find(phrase, name)]
    lines = [f"{name}:{line}: {found}" for name, text in read_texts().items() for line, found in find(phrase, text)]
    assert [*names, *lines] == [], f"write: {phrase.instead}"


@each_phrase
def test_find__matches_the_example(phrase: Phrase) -> None:
    """The pattern matches its example, even if a line ends inside it."""
    beginning, _, end = phrase.example.rpartition(" ")
    assert [line for line, _ in find(phrase, f"first\n{phrase.example}")] == [2]
    assert len(find(phrase, f"# {beginning}\n    # {end}")) == 1


@each_phrase
def test_find__does_not_match_good_english(phrase: Phrase) -> None:
    """The pattern matches none of the good phrases."""
    assert [text for text in GOOD if find(phrase, text)] == []
