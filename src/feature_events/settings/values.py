"""Turns the text of an environment variable into a value, or says what it must be.

Whoever deploys reads these messages, so each says what the value must be and none repeats it: it may be a secret in a
wrong place.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Literal
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

type SchemaVersion = int | Literal["latest"] | None

type SchemaId = int | UUID
"""How a registry of Confluent's interface names a schema, or AWS Glue a version of one."""

MAX_SCHEMA_ID = 2**31 - 1

GLUE = "glue"
"""In the place of a registry's URL: Glue's registry `default-registry`, of the function's own account and region."""

_NO_REGISTRY = "must be an http or https URL with a valid host name, glue, or the ARN of a registry of AWS Glue"
_MOST_HOST = 253
"""The most characters of a host name."""


class InvalidValue(Exception):
    """What is wrong with a value, one text for each mistake; each follows the setting's name."""


def is_plain_text(text: str) -> bool:
    """Return whether C libraries and UTF-8 can carry this text: no NUL, no half of a surrogate pair."""
    return not re.search("[\x00\ud800-\udfff]", text)


def to_url(text: str, *schemes: str) -> SplitResult | None:
    """Parse a URL; None if an HTTP client would refuse it, or would not send all of it.

    The checks are stricter than `urlsplit`, which drops control characters, accepts any host, and ignores text after an
    IPv6 address and an empty port, query or fragment. For a name with an empty or a long label, `requests` raises an
    error that is not its own (urllib3's LocationParseError). A fragment is never sent.
    """
    try:
        url = urlsplit(text)
        is_right = url.scheme in schemes and url.port != 0  # a port that is not a number raises
    except ValueError:
        return None
    address = re.fullmatch(r"([^:\[\]]+|\[[^\[\]]+\])(:[0-9]+)?", url.netloc.rpartition("@")[2])
    is_right = is_right and bool(address) and _is_host(url.hostname or "", is_bracketed="[" in url.netloc)
    is_sent = "#" not in text and (url.query or "?" not in text)
    return url if is_right and is_sent and re.fullmatch("[!-~]+", text) else None


def _is_host(name: str, *, is_bracketed: bool) -> bool:
    """Return whether this is an IPv6 address, which stands in brackets, or a name with labels that DNS allows.

    https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4
    """
    if is_bracketed:
        return bool(re.fullmatch("[0-9A-Fa-f:.]+", name)) and _is_ipv6(name)
    labels = name.removesuffix(".").split(".")
    return len(name) <= _MOST_HOST and all(re.fullmatch("[A-Za-z0-9_-]{1,63}", label) for label in labels)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def to_brokers(text: str) -> str:
    """Bootstrap brokers, without blanks."""
    brokers = [broker.strip() for broker in text.split(",")]
    if not all(map(_is_broker, brokers)):
        raise InvalidValue("must be host:port with valid host names, with commas between several")
    return ",".join(brokers)


def _is_broker(text: str) -> bool:
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_port = re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 2**16
    return bool(is_port) and _is_host(host[1:-1] if is_bracketed else host, is_bracketed=is_bracketed)


def to_registry(text: str) -> str:
    """A registry's URL with its scheme in lower case and no slash at its end, or which of Glue's registries it is."""
    if text == GLUE or re.fullmatch(r"arn:aws[a-z-]*:glue:[a-z0-9-]+:[0-9]{12}:registry/[A-Za-z0-9_$#.-]{1,255}", text):
        return text
    if re.search("[?#]", text):
        raise InvalidValue("must be the registry's base URL, without query and fragment")
    url = to_url(text, "http", "https")
    if url is None:
        raise InvalidValue(_NO_REGISTRY)
    if url.username is not None or url.password is not None:
        raise InvalidValue(
            "must hold neither user name nor password: set SchemaRegistrySecretArn (SCHEMA_REGISTRY_SECRET_ARN)"
        )
    return f"{url.scheme}{text[len(url.scheme) :].rstrip('/')}"


def to_topic(text: str) -> str:
    """A topic's name."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in (".", ".."):
        raise InvalidValue("must be a topic's name: up to 249 letters, digits, dots, underscores and hyphens")
    return text


def to_number(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number within these bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
            raise InvalidValue(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def to_schema_id(text: str) -> SchemaId:
    """A schema's number, or the UUID of a version in Glue."""
    if re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        return UUID(text)
    try:
        return to_number(1, MAX_SCHEMA_ID)(text)
    except InvalidValue as invalid:
        raise InvalidValue(f"{invalid}, or the UUID of a schema version in AWS Glue") from None


def to_version(text: str) -> SchemaVersion:
    """A version of a subject."""
    if text == "latest":
        return "latest"
    try:
        return to_number(1, MAX_SCHEMA_ID)(text)
    except InvalidValue:
        raise InvalidValue("must be latest or a version number") from None


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise InvalidValue(f"must be one of {', '.join(choices)}")
        return text

    return read


def to_secret(text: str) -> str:
    """A secret's ARN."""
    if not re.fullmatch(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+", text):
        raise InvalidValue("must be an ARN of AWS Secrets Manager")
    return text


def to_tables(text: str) -> tuple[str, ...]:
    """Parse names of DynamoDB tables, separated by commas."""
    tables = tuple(each.strip() for each in text.split(","))
    if not all(is_table_name(each) for each in tables):
        raise InvalidValue("must be names of DynamoDB tables, separated by commas")
    return tables


is_table_name = re.compile(r"[A-Za-z0-9_.-]{3,255}").fullmatch
"""Return a match if DynamoDB allows this name for a table, else None.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""


def to_bucket(text: str) -> str:
    """A bucket's name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise InvalidValue("must be the name of an S3 bucket")
    return text


def to_prefix(text: str) -> str:
    """A prefix with a slash at its end."""
    if not re.fullmatch(r"[A-Za-z0-9!_.*'()/-]{1,500}", text) or text.startswith("/"):
        raise InvalidValue("must be a prefix for S3 keys, such as dead-letters/")
    return text.rstrip("/") + "/"
