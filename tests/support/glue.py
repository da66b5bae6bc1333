"""Create settings with AWS Glue as the registry, and the environment for its client."""

import pytest

from feature_events.settings.settings import Settings, read_settings

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
GLUE_ARN = "arn:aws:glue:eu-west-1:123456789012:registry/events.v1"


def to_glue_settings(registry: str = "glue", **environ: str) -> Settings:
    """Create settings with a Glue registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": registry, **environ})


def set_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the region and credentials, like Lambda."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
