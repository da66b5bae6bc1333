"""The function's one logger: JSON, the message constant, what varies in keys, never a payload."""

import json
import os

from aws_lambda_powertools import Logger

# ASCII: a text from a record need not be one that UTF-8 can write, and its line would be lost
to_json = json.JSONEncoder(default=str, separators=(",", ":")).encode

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events"), utc=True, json_serializer=to_json)
"""POWERTOOLS_LOG_LEVEL in the environment sets its level."""
