"""Asks AWS Glue's schema registry about the schema that has the topic's name.

Glue names a version of a schema by a UUID and checks a new one by itself: it is PENDING meanwhile, then AVAILABLE or
FAILURE.

The interface: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-schema-registry-api.html
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from feature_events.aws.arn import to_glue_registry_name, to_glue_schema_arn, to_region
from feature_events.aws.clients import ask_or_none, make_glue_client
from feature_events.aws.errors import Action, to_unanswered
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.schema import Schema, read_shipped_schema
from feature_events.logs import logger
from feature_events.registries.registry import Registered, read_all, refuse_too_many
from feature_events.settings.settings import LATEST_VERSION, SCHEMA_VERSION, Settings
from feature_events.settings.values import GLUE

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import (
        CreateSchemaResponseTypeDef,
        GetSchemaByDefinitionResponseTypeDef,
        GetSchemaVersionResponseTypeDef,
        SchemaIdTypeDef,
    )

ANSWER_SECONDS = 10.0
"""How long one answer may take, with a second try: to register takes longer than to look up."""
CHECK_SECONDS = 30.0
"""How long Glue's check of a new version is waited for, as long as AWS's own clients wait."""
PAUSE_SECONDS = 0.5

_WORD_LENGTH = 100
"""What is repeated of a status or a data format, in characters."""

_DEFAULT_REGISTRY = "default-registry"
_AVAILABLE, _PENDING = "AVAILABLE", "PENDING"
_NOT_FOUND, _EXISTS, _CHANGED = "EntityNotFoundException", "AlreadyExistsException", "ConcurrentModificationException"

_TRIES = 5
"""How often a schema is added that others create or change at the same time."""


class GlueRegistry:
    """The schema of the topic's name in the Glue registry that the settings name."""

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        self.subject = settings.topic
        self._file = settings.schema_file
        self._schema = read_shipped_schema(settings.schema_file)
        self._compatibility = settings.glue_compatibility
        self._sleep = sleep
        self._made: GlueClient | None = None
        self._region: str | None = None
        self._registry: dict[str, Any] = {}  # Glue makes its default registry for a schema that names none
        self._schema_id: SchemaIdTypeDef = {"RegistryName": _DEFAULT_REGISTRY, "SchemaName": settings.topic}
        name = _DEFAULT_REGISTRY
        if settings.registry is not None and settings.registry != GLUE:
            # By their ARNs, so that another account's is refused and not looked for under the same name in this one
            name, self._region = to_glue_registry_name(settings.registry), to_region(settings.registry)
            self._registry = {"RegistryId": {"RegistryArn": settings.registry}}
            self._schema_id = {"SchemaArn": to_glue_schema_arn(settings.registry, settings.topic)}
        self._place = f"schema {settings.topic} in the Glue registry {name}"

    def read_version(self, version: int | str) -> Schema:
        """The registry's own schema under this version."""
        found = self._read(version)
        if found is None:
            raise Misconfigured(
                f"there is no version {version} of {self._place}: register a schema there, or set "
                f"{SCHEMA_VERSION} to one that exists"
            )
        status = self._take_word(found, "Status")
        if status == _PENDING:
            raise Undelivered(f"Glue still checks version {version} of {self._place}: try again later")
        if status != _AVAILABLE:
            raise Misconfigured(
                f"version {version} of {self._place} has the status {status}: set "
                f"{SCHEMA_VERSION} to one that is AVAILABLE"
            )
        schema = Schema(self._take_id(found), self._take(found, "SchemaDefinition", str))
        number = self._take(found, "VersionNumber", int)
        logger.info("schema found", subject=self.subject, schema_id=str(schema.id), version=number)
        return schema

    def read_versions(self) -> Mapping[int, str]:
        """The texts of all versions that Glue has found compatible, by their numbers."""
        latest = self._read("latest")
        if latest is None:
            return {}
        # Numbers count up; one may be missing, since a version can be deleted
        last = self._take(latest, "VersionNumber", int)
        refuse_too_many(
            self._file, f"{self._place} has {last:,} versions, deleted ones included", last, schema_id="UUID"
        )
        found = [*read_all(self._read, range(1, last)), latest]
        return {
            self._take(each, "VersionNumber", int): self._take(each, "SchemaDefinition", str)
            for each in found
            if each and self._take_word(each, "Status") == _AVAILABLE
        }

    def look_up(self) -> Schema:
        """The shipped schema, which must be registered."""
        found = self._find()
        status = None if found is None else self._take_word(found, "Status")
        if found is None or status not in (_AVAILABLE, _PENDING):
            raise Misconfigured(
                f"{self._file} is not an AVAILABLE version of {self._place}: check SchemaRegistry (SCHEMA_REGISTRY), "
                "or register it there with Schema=register"
            )
        if status == _PENDING:
            raise self._to_pending()
        return Schema(self._to_registered(found).id, self._schema)

    def find_registered(self) -> Registered | None:
        """Under what the shipped schema is registered, if it is, and Glue has found it compatible."""
        found = self._find()
        if found is None or self._take_word(found, "Status") != _AVAILABLE:
            return None
        return self._to_registered(found)

    def check_compatibility(self) -> bool:
        """Always true: Glue checks a schema only as it is registered."""
        return True

    def register(self) -> Registered:
        """Registers the shipped schema, and waits until Glue has checked it.

        Raises:
            Misconfigured: Glue refuses it; a reason it gives for what it cannot read, and none for incompatibility.
            Undelivered: Glue did not answer, or has not come to the end of its check.

        """
        number = self._add()
        added = self._wait(number)
        status = self._take_word(added, "Status")
        if status != _AVAILABLE:
            raise Misconfigured(
                f"Glue refuses {self._file} as version {number} of {self._place} (status {status}), most "
                "likely as incompatible with the versions before: compare them (aws glue get-schema-versions-diff), "
                f"and delete version {number} (aws glue delete-schema-versions) before it is registered again; "
                f"or set {LATEST_VERSION}"
            )
        logger.info("schema registered", subject=self.subject)
        return self._to_registered(added)

    def to_unreached(self, reason: str) -> Undelivered:
        """The error where Glue has given no answer, for this reason."""
        return to_unanswered(reason, Action("glue:GetSchemaByDefinition", f"{self._place} cannot be looked up"))

    def _read(self, version: int | str) -> "GetSchemaVersionResponseTypeDef | None":
        """A version, whatever its status; None where it is not there."""
        found = self._ask(
            Action("glue:GetSchemaVersion", f"version {version} of {self._place} cannot be read"),
            lambda client: client.get_schema_version(
                SchemaId=self._schema_id,
                SchemaVersionNumber=(
                    {"LatestVersion": True} if version == "latest" else {"VersionNumber": int(version)}
                ),
            ),
        )
        if found is not None:
            self._refuse_other_format(self._take_word(found, "DataFormat"))
        return found

    def _find(self) -> "GetSchemaByDefinitionResponseTypeDef | None":
        """The version that is the shipped schema, whatever its status; None where there is none."""
        found = self._ask(
            Action("glue:GetSchemaByDefinition", f"{self._place} cannot be looked up"),
            lambda client: client.get_schema_by_definition(SchemaId=self._schema_id, SchemaDefinition=self._schema),
        )
        if found is not None:
            self._refuse_other_format(self._take_word(found, "DataFormat"))
        return found

    def _wait(self, number: int) -> "GetSchemaVersionResponseTypeDef":
        """This version, which was just added, once Glue has checked it."""
        end = Deadline(CHECK_SECONDS)
        while True:
            found = self._read(number)
            if found is not None and self._take_word(found, "Status") != _PENDING:
                return found
            if not end.remaining():
                raise self._to_pending()
            self._sleep(PAUSE_SECONDS)

    def _add(self) -> int:
        """Adds the shipped schema as a version, or as the first of a new schema, whoever else does so just then.

        Returns:
            The version's number; where the schema has this version already, of that one.

        """
        for _ in range(_TRIES):
            added = self._ask(
                Action("glue:RegisterSchemaVersion", f"{self._place} cannot be given a version"),
                lambda client: client.register_schema_version(SchemaId=self._schema_id, SchemaDefinition=self._schema),
                (_NOT_FOUND, _CHANGED),
            )
            if added is not None:
                return self._take(added, "VersionNumber", int)
            created = self._ask(
                Action("glue:CreateSchema", f"{self._place} cannot be created"), self._create, (_EXISTS, _CHANGED)
            )
            if created is not None:
                return self._take(created, "LatestSchemaVersion", int)
            self._sleep(PAUSE_SECONDS)
        raise Undelivered(f"others change {self._place} at the same time: try again later")

    def _to_pending(self) -> Undelivered:
        return Undelivered(f"Glue still checks {self._file} as a version of {self._place}: try again later")

    def _to_registered(self, found: Mapping[str, object]) -> Registered:
        version_id = self._take_id(found)
        logger.info("schema found", subject=self.subject, schema_id=str(version_id))
        return Registered(version_id, None)

    def _create(self, client: "GlueClient") -> "CreateSchemaResponseTypeDef":
        return client.create_schema(
            SchemaName=self.subject,
            DataFormat="AVRO",
            Compatibility=self._compatibility,
            SchemaDefinition=self._schema,
            **self._registry,
        )

    def _refuse_other_format(self, data_format: str) -> None:
        if data_format != "AVRO":
            raise Misconfigured(
                f"{self._place} is {data_format} and not AVRO: delete it, or set SCHEMA_REGISTRY to another registry"
            )

    def _take_id(self, found: Mapping[str, object]) -> UUID:
        """Return the id of the version in an answer of Glue's, as `_take` does."""
        try:
            return UUID(self._take(found, "SchemaVersionId", str))
        except ValueError:
            raise self._to_odd("SchemaVersionId") from None

    def _take_word(self, found: Mapping[str, object], name: str) -> str:
        """Return a word of Glue's, as `_take` does, fit for a message."""
        return self._take(found, name, str).encode("ascii", "replace").decode()[:_WORD_LENGTH]

    def _take[T](self, found: Mapping[str, object], name: str, kind: type[T]) -> T:
        """Return a part of an answer of Glue's; raise Undelivered if the answer has none of this kind."""
        value = found.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._to_odd(name)
        return value

    def _to_odd(self, name: str) -> Undelivered:
        return Undelivered(f"Glue's answer about {self._place} has no valid {name}: try again later")

    def _ask[T](
        self, action: Action, request: Callable[["GlueClient"], T], absent: Collection[str] = (_NOT_FOUND,)
    ) -> T | None:
        """What Glue answers; None where it answers with one of these codes."""
        otherwise = "check SCHEMA_REGISTRY and the function's role"
        try:
            return ask_or_none(lambda: request(self._client()), action, absent, ANSWER_SECONDS, otherwise)
        except FeatureEventsError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever botocore raises of an answer that it cannot parse
            raise to_unanswered(type(error).__name__, action) from None

    def _client(self) -> "GlueClient":
        self._made = self._made or make_glue_client(self._region)
        return self._made
