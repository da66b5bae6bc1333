"""Tokens are renewed when the client requests one, and the latest is reused while it is current."""

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.kafka.tokens import Token, TokenCache
from tests.support.doubles import FakeClock

TIME_LEFT = Deadline(1e9)
LIFE, GOOD = 900.0, 840.0


class Source:
    """A source of numbered tokens with an extension. It can raise an error."""

    def __init__(self) -> None:
        self.clock = FakeClock(1000.0)
        self.error: FeatureEventsError | None = None
        self.limits: list[float] = []
        """The time limit of each fetch."""

    def fetch(self, seconds: float) -> Token:
        """Return a token with its number in its text."""
        self.limits.append(seconds)
        if self.error:
            raise self.error
        now = self.clock()
        return Token(f"token-{len(self.limits)}", now + LIFE, now + GOOD, {"logicalCluster": "lkc-1"})


@pytest.fixture
def source() -> Source:
    """Return a source of tokens."""
    return Source()


@pytest.fixture
def tokens(source: Source) -> TokenCache:
    """Return a cache for the tokens of the source."""
    return TokenCache(source.fetch, source.clock)


def test_callback__returns_the_values_for_librdkafka(source: Source, tokens: TokenCache) -> None:
    """The first token is fetched before the client requests it, and each later one on request."""
    get = tokens.make_callback(Deadline(5.0, source.clock))
    assert source.limits == [5.0]
    extensions = {"logicalCluster": "lkc-1"}
    assert get("") == ("token-1", 1000 + LIFE, "", extensions)
    assert get("") == ("token-2", 1000 + LIFE, "", extensions)


def test_callback__does_not_cache_a_token_requested_before_forget(source: Source, tokens: TokenCache) -> None:
    """An abandoned client's thread may still be fetching one with the secret that Kafka rejected."""
    get = tokens.make_callback(TIME_LEFT)
    get("")
    fetch = source.fetch

    def fetch_and_forget(seconds: float) -> Token:
        token = fetch(seconds)
        tokens.forget()
        return token

    tokens._fetch = fetch_and_forget  # noqa: SLF001  # happens in two threads
    assert get("")[0] == "token-2"
    tokens._fetch = fetch  # noqa: SLF001
    assert tokens.make_callback(TIME_LEFT)("")[0] == "token-3"


def test_callback__reuses_the_latest_token_for_the_next_client(source: Source, tokens: TokenCache) -> None:
    """Identity providers charge for tokens and limit them."""
    texts = []
    for seconds in (0, GOOD - 1, 1):
        source.clock.seconds += seconds
        texts.append(tokens.make_callback(TIME_LEFT)("")[0])
    tokens.forget()
    texts.append(tokens.make_callback(TIME_LEFT)("")[0])
    assert texts == ["token-1", "token-1", "token-2", "token-3"]


def test_is_current__returns_false_when_the_token_is_about_to_expire(source: Source, tokens: TokenCache) -> None:
    """A client without a token is current."""
    assert tokens.is_current()
    tokens.make_callback(TIME_LEFT)
    source.clock.seconds += GOOD - 1
    assert tokens.is_current()
    source.clock.seconds += 1
    assert not tokens.is_current()


@pytest.mark.parametrize("error", [Undelivered("not reached"), Misconfigured("refused")])
def test_callback__returns_the_current_token_until_it_expires(
    source: Source, tokens: TokenCache, error: FeatureEventsError
) -> None:
    """The error of a failed renewal is raised only after the current token has expired."""
    get = tokens.make_callback(TIME_LEFT)
    first = get("")
    source.error = error
    source.clock.seconds += LIFE - 1
    assert get("") == first
    source.clock.seconds += 1
    with pytest.raises(type(error), match=str(error)):
        get("")
    with pytest.raises(type(error), match=str(error)):
        tokens.make_callback(TIME_LEFT)


def test_token__has_a_repr_without_its_text() -> None:
    """The repr contains the expiry."""
    assert f"{Token('hidden', 7.0, 6.0)}" == "Token(..., expires=7.0)"
