"""Tokens are fetched when the client asks; the latest is kept while it is good, or until it ends without another."""

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.kafka.tokens import Token, Tokens
from tests.support.doubles import FakeClock

TIME_LEFT = Deadline(1e9)
LIFE, GOOD = 900.0, 840.0


class Source:
    """Gives numbered tokens with an extension, or raises."""

    def __init__(self) -> None:
        self.clock = FakeClock(1000.0)
        self.error: FeatureEventsError | None = None
        self.asked: list[float] = []
        """How many seconds each token was allowed to take."""

    def fetch(self, seconds: float) -> Token:
        """A token, its number in its text."""
        self.asked.append(seconds)
        if self.error:
            raise self.error
        now = self.clock()
        return Token(f"token-{len(self.asked)}", now + LIFE, now + GOOD, {"logicalCluster": "lkc-1"})


@pytest.fixture
def source() -> Source:
    """Where tokens are from."""
    return Source()


@pytest.fixture
def tokens(source: Source) -> Tokens:
    """The tokens of that source."""
    return Tokens(source.fetch, source.clock)


def test_callback__gives_what_librdkafka_takes(source: Source, tokens: Tokens) -> None:
    """The first token is fetched before the client asks, each further one when it does."""
    give = tokens.to_callback(Deadline(5.0, source.clock))
    assert source.asked == [5.0]
    extensions = {"logicalCluster": "lkc-1"}
    assert give("") == ("token-1", 1000 + LIFE, "", extensions)
    assert give("") == ("token-2", 1000 + LIFE, "", extensions)


def test_callback__keeps_no_token_that_was_asked_for_before_it_was_forgotten(source: Source, tokens: Tokens) -> None:
    """An abandoned client's thread may still be fetching one by the secret that Kafka refuses."""
    give = tokens.to_callback(TIME_LEFT)
    give("")
    fetch = source.fetch

    def forget_meanwhile(seconds: float) -> Token:
        token = fetch(seconds)
        tokens.forget()
        return token

    tokens._fetch = forget_meanwhile  # noqa: SLF001  # what happens in two threads, in one
    assert give("")[0] == "token-2"
    tokens._fetch = fetch  # noqa: SLF001
    assert tokens.to_callback(TIME_LEFT)("")[0] == "token-3"


def test_callback__keeps_the_latest_token_for_the_next_client(source: Source, tokens: Tokens) -> None:
    """Identity providers charge and limit tokens, so a new client starts with the one before while it is good."""
    texts = []
    for seconds in (0, GOOD - 1, 1):
        source.clock.seconds += seconds
        texts.append(tokens.to_callback(TIME_LEFT)("")[0])
    tokens.forget()
    texts.append(tokens.to_callback(TIME_LEFT)("")[0])
    assert texts == ["token-1", "token-1", "token-2", "token-3"]


def test_are_current__ends_with_the_token(source: Source, tokens: Tokens) -> None:
    """A client whose token is about to end is replaced; one without a token has nothing to replace."""
    assert tokens.are_current()
    tokens.to_callback(TIME_LEFT)
    source.clock.seconds += GOOD - 1
    assert tokens.are_current()
    source.clock.seconds += 1
    assert not tokens.are_current()


@pytest.mark.parametrize("error", [Undelivered("not reached"), Misconfigured("refused")])
def test_callback__gives_the_last_one_until_it_ends(source: Source, tokens: Tokens, error: FeatureEventsError) -> None:
    """A renewal that fails costs nothing until that token ends. Then its error is seen, here and at the next start."""
    give = tokens.to_callback(TIME_LEFT)
    first = give("")
    source.error = error
    source.clock.seconds += LIFE - 1
    assert give("") == first
    source.clock.seconds += 1
    with pytest.raises(type(error), match=str(error)):
        give("")
    with pytest.raises(type(error), match=str(error)):
        tokens.to_callback(TIME_LEFT)


def test_token__does_not_show_itself() -> None:
    """Who prints a token sees when it ends."""
    assert f"{Token('hidden', 7.0, 6.0)}" == "Token(..., expires=7.0)"
