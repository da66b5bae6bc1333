"""The function's one logger: JSON, the message constant, what varies in keys, never a payload."""

import json
import os

from aws_lambda_powertools import Logger

# ASCII: a text from a record need not be one that UTF-8 can write, and its line would be lost
to_json = json.JSONEncoder(default=str, separators=(",", ":")).encode


def _make_logger() -> Logger:
    """Return the logger; at level INFO if POWERTOOLS_LOG_LEVEL is not a level, so that the preflight check can answer.

    The template allows only levels, so the variable is of a function made by hand.
    """
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")
    try:
        return Logger(service=service, utc=True, json_serializer=to_json)
    except ValueError:
        made = Logger(service=service, utc=True, json_serializer=to_json, level="INFO")
        made.warning(
            "log level unknown; INFO is used",
            hint="set LogLevel (POWERTOOLS_LOG_LEVEL) to DEBUG, INFO, WARNING, ERROR or CRITICAL",
        )
        return made


logger = _make_logger()
"""POWERTOOLS_LOG_LEVEL in the environment sets its level."""
