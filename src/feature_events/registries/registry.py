"""What is asked of a registry, whichever interface it has.

Who finds the schema, registers it or checks it need not know whether a registry of Confluent's interface or AWS Glue
answers.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from feature_events.errors import Undelivered
from feature_events.events.schema import Schema
from feature_events.setting_values import SchemaId


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
        """The texts of all versions that readers may have, by their numbers."""

    def check_compatibility(self) -> bool | None:
        """Whether the registry would take the shipped schema, as far as it says so before it is registered.

        None where it knows no version yet.
        """

    def register(self) -> Registered:
        """Registers the shipped schema; one that is there already keeps its id and version."""

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where the registry has given no answer, for this reason."""
