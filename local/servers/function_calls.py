"""Record the calls to AWS that a function of the local stack makes, as lines of JSON in the file FUNCTION_CALLS.

aws_server.py prepends this file to the program that runs a Python function in MiniStack. A line contains only the names
that policies refer to, such as table names and object keys, and nothing else of the request.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "FUNCTION_CALLS"
TEXTS = ("Bucket", "Key", "Prefix", "TableName", "SecretId", "SchemaName")
"""Parameters that are recorded if they are strings. DynamoDB's `Key` is not a string but a part of an item."""
PLACES = ("SchemaId", "RegistryId")
"""Glue's parameters that consist of names."""


def find_names(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names in a request."""
    names: dict[str, Any] = {name: parameters[name] for name in TEXTS if isinstance(parameters.get(name), str)}
    for place in PLACES:
        names |= parameters.get(place, {})
    if "RequestItems" in parameters:
        names["TableNames"] = list(parameters["RequestItems"])
    if "Delete" in parameters:
        names["Keys"] = [each["Key"] for each in parameters["Delete"]["Objects"]]
    return names


def record_call(params: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: object) -> None:  # noqa: ANN401 -- botocore has no types
    """Append one call to the file before botocore makes its request."""
    call = {
        "function": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "service": model.service_model.service_name,
        "operation": model.name,
        "region": context["client_region"],
        "names": find_names(params),
    }
    with Path(os.environ[FILE]).open("a") as file:
        file.write(f"{json.dumps(call)}\n")


def install() -> None:
    """Record the calls of all clients that this process creates."""
    import botocore.handlers  # noqa: PLC0415 -- needed only in the function's process

    botocore.handlers.BUILTIN_HANDLERS.append(("before-parameter-build", record_call))


if __name__ == "__main__":
    install()
