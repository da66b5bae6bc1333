"""The function's one logger: JSON, the message constant, what varies in keys, never a payload."""

import os

from aws_lambda_powertools import Logger

logger = Logger(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events"), utc=True)
"""POWERTOOLS_LOG_LEVEL in the environment sets its level."""
