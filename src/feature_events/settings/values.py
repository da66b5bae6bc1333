"""Parse the values of environment variables.

Deployers read the messages, which say what a value must be. No message repeats a value: it may be a misplaced secret.
"""

import re
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from feature_events.events.schema import SchemaId
from feature_events.syntax import InvalidValue, is_host, is_table_name, parse_url

type SchemaVersion = int | Literal["latest"] | None
"""A version of the registry's own schema. None means the shipped schema."""

MAX_SCHEMA_ID = 2**31 - 1

GLUE = "glue"
"""The value of SCHEMA_REGISTRY for AWS Glue's registry `default-registry` in the function's own account and region."""

_GLUE_ARN = re.compile(r"arn:aws[a-z-]*:glue:[a-z0-9-]+:[0-9]{12}:registry/[A-Za-z0-9_$#.-]{1,255}")
_SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def parse_brokers(text: str) -> str:
    """Parse bootstrap brokers; return them without spaces."""
    brokers = [broker.strip() for broker in text.split(",")]
    if not all(map(_is_broker, brokers)):
        raise InvalidValue("must be host:port with valid host names, separated by commas")
    return ",".join(brokers)


def _is_broker(text: str) -> bool:
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 2**16
    return bool(is_port) and is_host(host[1:-1] if is_bracketed else host, is_bracketed=is_bracketed)


def parse_registry(text: str) -> str:
    """Parse a registry's URL, `glue` or the ARN of a Glue registry.

    The URL is returned with its scheme in lower case and without a slash at the end.
    """
    if text == GLUE or _GLUE_ARN.fullmatch(text):
        return text
    if re.search("[?#]", text):
        raise InvalidValue("must be the registry's base URL, without query and fragment")
    url = parse_url(text, "http", "https")
    if url is None:
        raise InvalidValue("must be an http or https URL with a valid host name, glue, or the ARN of a Glue registry")
    if url.username is not None or url.password is not None:
        raise InvalidValue(
            "must not contain a user name or password: set SchemaRegistrySecretArn (SCHEMA_REGISTRY_SECRET_ARN)"
        )
    return f"{url.scheme}{text[len(url.scheme) :].rstrip('/')}"


def parse_topic(text: str) -> str:
    """Parse a topic's name."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in (".", ".."):
        raise InvalidValue("must be a topic name: up to 249 letters, digits, dots, underscores and hyphens")
    return text


def parse_schema_id(text: str) -> SchemaId:
    """Parse a schema's number, or the UUID of a schema version in Glue."""
    if _UUID.fullmatch(text):
        return UUID(text)
    try:
        return number_between(1, MAX_SCHEMA_ID)(text)
    except InvalidValue as invalid:
        raise InvalidValue(f"{invalid}, or the UUID of a schema version in AWS Glue") from None


def parse_schema_version(text: str) -> SchemaVersion:
    """Parse the version of a schema."""
    if text == "latest":
        return "latest"
    try:
        return number_between(1, MAX_SCHEMA_ID)(text)
    except InvalidValue:
        raise InvalidValue("must be latest or a version number") from None


def parse_secret(text: str) -> str:
    """Parse a secret's ARN."""
    if not _SECRET_ARN.fullmatch(text):
        raise InvalidValue("must be an ARN of AWS Secrets Manager")
    return text


def parse_tables(text: str) -> tuple[str, ...]:
    """Parse names of DynamoDB tables, separated by commas."""
    tables = tuple(each.strip() for each in text.split(","))
    if not all(is_table_name(each) for each in tables):
        raise InvalidValue("must be names of DynamoDB tables, separated by commas")
    return tables


def parse_bucket(text: str) -> str:
    """Parse a bucket's name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise InvalidValue("must be the name of an S3 bucket")
    return text


def parse_prefix(text: str) -> str:
    """Parse a prefix of S3 keys; return it with a slash at the end."""
    if not re.fullmatch(r"[A-Za-z0-9!_.*'()/-]{1,500}", text) or text.startswith("/"):
        raise InvalidValue("must be a prefix of S3 keys, such as dead-letters/")
    return text.rstrip("/") + "/"


def number_between(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within these bounds."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise InvalidValue(f"must be a whole number from {least} to {most}")
        return int(text)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts only these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise InvalidValue(f"must be one of {', '.join(choices)}")
        return text

    return parse
