"""What is asked of a registry, whichever interface it has.

Who finds the schema, registers it or checks it need not know whether a registry of Confluent's interface or AWS Glue
answers.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import Schema, SchemaId

MAX_VERSIONS = 100
"""The most versions that a schema is compared with before it is registered: each is a request, and a start has 8 s."""

_AT_ONCE = 8
"""How many of them are read at once: fewer than the connections that `requests` (10) and botocore (10) keep."""


class Registered(NamedTuple):
    """Under what the shipped schema is registered."""

    id: SchemaId
    version: int | None
    """None where the registry does not say it."""


class Registry(Protocol):
    """The schema of the topic's values in a registry.

    Each method raises:
        Misconfigured: a person must change something.
        Undelivered: the registry did not answer, or it may work later.

    """

    subject: str
    """What the registry calls it."""

    def read_version(self, version: int | str) -> Schema:
        """The registry's own schema under this version, a number or `latest`."""

    def look_up(self) -> Schema:
        """The shipped schema, which must be registered."""

    def find_registered(self) -> Registered | None:
        """Under what the shipped schema is registered, if it is."""

    def read_versions(self) -> Mapping[int, str]:
        """Return the texts of all versions that readers may have, by their numbers; at most `MAX_VERSIONS`."""

    def check_compatibility(self) -> bool:
        """Return False if the registry says, before the shipped schema is registered, that it would refuse it."""

    def register(self) -> Registered:
        """Registers the shipped schema; one that is there already keeps its id and version."""

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where the registry has given no answer, for this reason."""


def read_all[T](read: Callable[[int], T], numbers: Iterable[int]) -> list[T]:
    """Return what `read` returns for each of these versions, in their order, with several requests at once.

    One after the other, a hundred answers of 90 ms would take longer than a start has.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(read, numbers))


def refuse_too_many(file: str, found: str, number: int, schema_id: str) -> None:
    """Refuse to compare with more versions than a start has time to read.

    Args:
        file: what the schema is called.
        found: what has how many versions, for the message.
        number: how many.
        schema_id: NUMBER or UUID, as the registry's ids are.

    Raises:
        Misconfigured: there are more than `MAX_VERSIONS`.

    """
    if number > MAX_VERSIONS:
        raise Misconfigured(
            f"{found}, more than the {MAX_VERSIONS} that {file} can be compared with before it is registered: check "
            f"its compatibility yourself, register it, and pin its id with Schema=id:{schema_id} (SCHEMA_ID); or set "
            "TopicName (TOPIC_NAME) to another topic"
        )
