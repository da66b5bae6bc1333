"""The logger: JSON lines with constant messages and variable keys, never with a payload."""

import json
import os

from aws_lambda_powertools import Logger

from feature_events import VERSION

# ASCII only: UTF-8 cannot encode every text in a record, and then the line would be lost
to_json = json.JSONEncoder(default=str, separators=(",", ":")).encode


def _make_logger() -> Logger:
    """Return the logger, at level INFO if POWERTOOLS_LOG_LEVEL is invalid, so that the preflight check can run.

    The template allows only valid levels, but the function may be deployed without it.
    """
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")
    try:
        return Logger(service=service, utc=True, json_serializer=to_json, version=VERSION)
    except ValueError:
        made = Logger(service=service, utc=True, json_serializer=to_json, level="INFO", version=VERSION)
        made.warning(
            "unknown log level; using INFO",
            hint="set LogLevel (POWERTOOLS_LOG_LEVEL) to DEBUG, INFO, WARNING, ERROR or CRITICAL",
        )
        return made


logger = _make_logger()
"""POWERTOOLS_LOG_LEVEL in the environment sets its level."""
