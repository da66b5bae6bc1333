"""Find and register schemas in AWS Glue's schema registry. The schema has the topic's name.

The id of a schema version is a UUID. Glue validates a new version: its status is PENDING, then AVAILABLE or FAILURE.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-schema-registry-api.html
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, override
from uuid import UUID

from feature_events.aws.arn import to_glue_registry_name, to_glue_schema_arn, to_region
from feature_events.aws.clients import call_or_none, make_glue_client
from feature_events.aws.errors import Action, make_unreached_error
from feature_events.deadline import Deadline
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.schema import Schema, SchemaId
from feature_events.logs import logger
from feature_events.registries.registry import Registered, Registry, make_unknown_id_error, read_all
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

CALL_SECONDS = 10.0
"""The most seconds that a call may take, with one retry. Registering takes longer than looking up."""
VALIDATION_SECONDS = 30.0
"""How long to wait until Glue has validated a new version. AWS's own clients wait as long."""
PAUSE_SECONDS = 0.5

_WORD_LENGTH = 100
"""The most characters to repeat of a status or data format."""

_DEFAULT_REGISTRY = "default-registry"
_AVAILABLE, _PENDING = "AVAILABLE", "PENDING"
_NOT_FOUND, _EXISTS, _CHANGED = "EntityNotFoundException", "AlreadyExistsException", "ConcurrentModificationException"

_TRIES = 5
"""The number of attempts to register a version while the schema is changed concurrently."""


class GlueRegistry(Registry):
    """The schema with the topic's name in a Glue registry."""

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(settings.topic, settings.schema_file)
        self._compatibility = settings.glue_compatibility
        self._sleep = sleep
        self._glue: GlueClient | None = None
        self._region: str | None = None
        self._registry: dict[str, Any] = {}  # for a schema without a registry, Glue creates its default registry
        self._schema_id: SchemaIdTypeDef = {"RegistryName": _DEFAULT_REGISTRY, "SchemaName": settings.topic}
        name = _DEFAULT_REGISTRY
        if settings.registry is not None and settings.registry != GLUE:
            # With an ARN, Glue rejects a registry of another account. By name, it would use this account's registry.
            name, self._region = to_glue_registry_name(settings.registry), to_region(settings.registry)
            self._registry = {"RegistryId": {"RegistryArn": settings.registry}}
            self._schema_id = {"SchemaArn": to_glue_schema_arn(settings.registry, settings.topic)}
        self._place = f"schema {settings.topic} in the Glue registry {name}"

    @override
    def read_version(self, version: int | str) -> Schema:
        found = self._read(version)
        if found is None:
            raise Misconfigured(
                f"there is no version {version} of {self._place}: register a schema there, or set "
                f"{SCHEMA_VERSION} to an existing version"
            )
        status = self._get_word(found, "Status")
        if status == _PENDING:
            raise Undelivered(f"Glue is still validating version {version} of {self._place}: try again later")
        if status != _AVAILABLE:
            raise Misconfigured(
                f"version {version} of {self._place} has the status {status}: set "
                f"{SCHEMA_VERSION} to an AVAILABLE version"
            )
        schema = Schema(self._get_id(found), self._get(found, "SchemaDefinition", str))
        number = self._get(found, "VersionNumber", int)
        logger.info("schema found", subject=self.subject, schema_id=str(schema.id), schema_version=number)
        return schema

    @override
    def read_versions(self) -> Mapping[int, str]:
        latest = self._read("latest")
        if latest is None:
            return {}
        # Numbers are consecutive, except for deleted versions
        last = self._get(latest, "VersionNumber", int)
        self._refuse_too_many(f"{self._place} has {last:,} versions, including deleted ones", last, "UUID")
        found = [*read_all(self._read, range(1, last)), latest]
        return {
            self._get(each, "VersionNumber", int): self._get(each, "SchemaDefinition", str)
            for each in found
            if each and self._get_word(each, "Status") == _AVAILABLE
        }

    @override
    def read_by_id(self, schema_id: SchemaId) -> str:
        found = self._call(
            Action("glue:GetSchemaVersion", f"schema version {schema_id} in Glue cannot be read"),
            lambda client: client.get_schema_version(SchemaVersionId=str(schema_id)),
        )
        if found is None:
            raise make_unknown_id_error(schema_id, "AWS Glue")
        self._refuse_other_format(self._get_word(found, "DataFormat"))
        return self._get(found, "SchemaDefinition", str)

    @override
    def look_up(self) -> Schema:
        found = self._find()
        status = None if found is None else self._get_word(found, "Status")
        if found is None or status not in (_AVAILABLE, _PENDING):
            raise Misconfigured(
                f"{self.file} is not an AVAILABLE version of {self._place}: check SchemaRegistry (SCHEMA_REGISTRY), "
                "or register it there with Schema=register"
            )
        if status == _PENDING:
            raise self._make_pending_error()
        return Schema(self._to_registered(found).id, self.text)

    @override
    def find_registered(self) -> Registered | None:
        found = self._find()
        if found is None or self._get_word(found, "Status") != _AVAILABLE:
            return None
        return self._to_registered(found)

    @override
    def is_accepted(self) -> bool:
        return True  # Glue validates a schema only when it is registered

    @override
    def register(self) -> Registered:
        """Register the shipped schema, and wait until Glue has validated it.

        Raises:
            Misconfigured: Glue rejects it. It returns a reason for an invalid schema, but not for an incompatible one.
            Undelivered: Glue did not respond, or has not finished its validation.

        """
        number = self._add()
        added = self._wait(number)
        status = self._get_word(added, "Status")
        if status != _AVAILABLE:
            raise Misconfigured(
                f"Glue rejected {self.file} as version {number} of {self._place} (status {status}), probably because "
                "it is incompatible with earlier versions: compare them (aws glue get-schema-versions-diff), "
                f"and delete version {number} (aws glue delete-schema-versions) before registering it again; "
                f"or set {LATEST_VERSION}"
            )
        logger.info("schema registered", subject=self.subject)
        return self._to_registered(added)

    @override
    def make_unreached_error(self, reason: str) -> Undelivered:
        return make_unreached_error(reason, Action("glue:GetSchemaByDefinition", f"{self._place} cannot be looked up"))

    def _read(self, version: int | str) -> "GetSchemaVersionResponseTypeDef | None":
        """Return a version with any status, or None if it does not exist."""
        found = self._call(
            Action("glue:GetSchemaVersion", f"version {version} of {self._place} cannot be read"),
            lambda client: client.get_schema_version(
                SchemaId=self._schema_id,
                SchemaVersionNumber=(
                    {"LatestVersion": True} if version == "latest" else {"VersionNumber": int(version)}
                ),
            ),
        )
        if found is not None:
            self._refuse_other_format(self._get_word(found, "DataFormat"))
        return found

    def _find(self) -> "GetSchemaByDefinitionResponseTypeDef | None":
        """Return the version that is the shipped schema, with any status, or None if it does not exist."""
        found = self._call(
            Action("glue:GetSchemaByDefinition", f"{self._place} cannot be looked up"),
            lambda client: client.get_schema_by_definition(SchemaId=self._schema_id, SchemaDefinition=self.text),
        )
        if found is not None:
            self._refuse_other_format(self._get_word(found, "DataFormat"))
        return found

    def _wait(self, number: int) -> "GetSchemaVersionResponseTypeDef":
        """Return a new version once Glue has validated it."""
        end = Deadline(VALIDATION_SECONDS)
        while True:
            found = self._read(number)
            if found is not None and self._get_word(found, "Status") != _PENDING:
                return found
            if not end.remaining():
                raise self._make_pending_error()
            self._sleep(PAUSE_SECONDS)

    def _add(self) -> int:
        """Add the shipped schema as a version, or create the schema with it. Other deployments may do the same.

        Returns:
            The number of the new version, or of the existing version with this text.

        """
        for _ in range(_TRIES):
            added = self._call(
                Action("glue:RegisterSchemaVersion", f"a version of {self._place} cannot be registered"),
                lambda client: client.register_schema_version(SchemaId=self._schema_id, SchemaDefinition=self.text),
                (_NOT_FOUND, _CHANGED),
            )
            if added is not None:
                return self._get(added, "VersionNumber", int)
            created = self._call(
                Action("glue:CreateSchema", f"{self._place} cannot be created"), self._create, (_EXISTS, _CHANGED)
            )
            if created is not None:
                return self._get(created, "LatestSchemaVersion", int)
            self._sleep(PAUSE_SECONDS)
        raise Undelivered(f"{self._place} was changed concurrently: try again later")

    def _make_pending_error(self) -> Undelivered:
        return Undelivered(f"Glue is still validating {self.file} as a version of {self._place}: try again later")

    def _to_registered(self, found: Mapping[str, object]) -> Registered:
        version_id = self._get_id(found)
        logger.info("schema found", subject=self.subject, schema_id=str(version_id))
        return Registered(version_id, None)

    def _create(self, client: "GlueClient") -> "CreateSchemaResponseTypeDef":
        return client.create_schema(
            SchemaName=self.subject,
            DataFormat="AVRO",
            Compatibility=self._compatibility,
            SchemaDefinition=self.text,
            **self._registry,
        )

    def _refuse_other_format(self, data_format: str) -> None:
        if data_format != "AVRO":
            raise Misconfigured(
                f"{self._place} has the data format {data_format} instead of AVRO: delete it, or set SchemaRegistry "
                "(SCHEMA_REGISTRY) to another registry"
            )

    def _get_id(self, found: Mapping[str, object]) -> UUID:
        """Return the version's id in a response, as `_get` does."""
        try:
            return UUID(self._get(found, "SchemaVersionId", str))
        except ValueError:
            raise self._make_invalid_error("SchemaVersionId") from None

    def _get_word(self, found: Mapping[str, object], name: str) -> str:
        """Return a word in a response, as `_get` does, shortened for messages."""
        return self._get(found, name, str).encode("ascii", "replace").decode()[:_WORD_LENGTH]

    def _get[T](self, found: Mapping[str, object], name: str, kind: type[T]) -> T:
        """Return a member of a response; raise Undelivered if it is missing or has another type."""
        value = found.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._make_invalid_error(name)
        return value

    def _make_invalid_error(self, name: str) -> Undelivered:
        return Undelivered(f"Glue's response for {self._place} has no valid {name}: try again later")

    def _call[T](
        self, action: Action, request: Callable[["GlueClient"], T], absent: Collection[str] = (_NOT_FOUND,)
    ) -> T | None:
        """Return Glue's response, or None if the call fails with a code in `absent`."""
        remedy = "check SchemaRegistry (SCHEMA_REGISTRY) and the function's role"
        try:
            return call_or_none(lambda: request(self._client()), action, absent, CALL_SECONDS, remedy)
        except FeatureEventsError:
            raise
        except Exception as error:  # noqa: BLE001  # botocore may raise anything for a response that it cannot parse
            raise make_unreached_error(type(error).__name__, action) from None

    def _client(self) -> "GlueClient":
        self._glue = self._glue or make_glue_client(self._region)
        return self._glue
