"""The schema registry of the topic's values, whether Confluent-compatible or AWS Glue."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from feature_events.errors import Misconfigured, Undelivered
from feature_events.events.schema import Schema, SchemaId, read_shipped_schema
from feature_events.registries.compatibility import refuse_breaking

MAX_VERSIONS = 100
"""The most versions to compare a schema with before it is registered: each is a request, and a start has 8 s."""

_PARALLEL = 8
"""The number of versions to read concurrently. The connection pools of `requests` and botocore have 10 connections."""


class Registered(NamedTuple):
    """The registration of the shipped schema."""

    id: SchemaId
    version: int | None
    """None if the registry does not report it."""


class Registry(ABC):
    """A schema registry and the subject of the topic's values.

    Args:
        subject: the subject's name.
        file: the shipped schema's file name.

    Each method raises:
        Misconfigured: an operator must act.
        Undelivered: the registry did not respond, or the request may succeed later.

    """

    def __init__(self, subject: str, file: str) -> None:
        self.subject = subject
        self.file = file
        self.text = read_shipped_schema(file)
        """The shipped schema."""
        self.step = "the schema was being looked up"
        """The current step, for the error if time runs out."""

    @abstractmethod
    def read_version(self, version: int | str) -> Schema:
        """Return the subject's own schema with this version: a number or `latest`."""

    @abstractmethod
    def read_by_id(self, schema_id: SchemaId) -> str:
        """Return the text of the schema with this id, which an event was written with."""

    @abstractmethod
    def look_up(self) -> Schema:
        """Return the shipped schema with its id. It must be registered."""

    @abstractmethod
    def find_registered(self) -> Registered | None:
        """Return the registration of the shipped schema, or None if it is not registered."""

    @abstractmethod
    def read_versions(self) -> Mapping[int, str]:
        """Return the texts of all versions that consumers may have, by number; at most `MAX_VERSIONS`."""

    @abstractmethod
    def is_accepted(self) -> bool:
        """Return False if the registry reports that it would reject the shipped schema.

        A registry that reports the reason raises Misconfigured instead.
        """

    @abstractmethod
    def register(self) -> Registered:
        """Register the shipped schema. A schema that is already registered keeps its id and version."""

    @abstractmethod
    def make_unreached_error(self, reason: str) -> Undelivered:
        """Return the error for a request without a response."""

    def check(self) -> bool:
        """Refuse the shipped schema if it would break a consumer. Return whether the registry would accept it.

        The versions are compared even if the registry accepts the schema: another server may have responded.
        """
        is_accepted = self.is_accepted()
        refuse_breaking(self.file, self.text, self.subject, self.read_versions())
        return is_accepted

    def ensure_registered(self) -> Registered:
        """Check and register the shipped schema, unless it is already registered."""
        found = self.find_registered()
        if found is None:
            self.step = "the schema was being compared with all versions of its subject"
            self.check()
            self.step = "the schema was being registered"
            found = self.register()  # if the check passed without acceptance, this fails with the registry's reason
        return found

    def _refuse_too_many(self, found: str, number: int, schema_id: str) -> None:
        """Refuse to compare with more than `MAX_VERSIONS` versions.

        Args:
            found: what has how many versions, for the message.
            number: the number of versions.
            schema_id: NUMBER or UUID, the registry's kind of id.

        """
        if number > MAX_VERSIONS:
            raise Misconfigured(
                f"{found}, but {self.file} can be compared with at most {MAX_VERSIONS} before it is registered: check "
                f"its compatibility yourself, register it, and pin its id with Schema=id:{schema_id} (SCHEMA_ID); or "
                "set TopicName (TOPIC_NAME) to another topic"
            )


def read_all[T](read: Callable[[int], T], numbers: Iterable[int]) -> list[T]:
    """Return the result of `read` for each version, in order, with concurrent requests.

    In sequence, a hundred requests of 90 ms would take longer than a start may.
    """
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(read, numbers))


def make_unknown_id_error(schema_id: SchemaId, registry: str) -> Misconfigured:
    """Return the error for an event whose schema the registry does not have."""
    return Misconfigured(
        f"{registry} has no schema with id {schema_id}, so the events with this id cannot be read: restore the "
        "schema, or set SchemaRegistry (SCHEMA_REGISTRY) to the registry that these events were written with"
    )
