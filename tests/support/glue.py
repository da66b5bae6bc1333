"""Settings with AWS Glue for the registry."""

from feature_events.settings import Settings, read_settings

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
GLUE_ARN = "arn:aws:glue:eu-west-1:123456789012:registry/events.v1"


def to_glue_settings(registry: str = "glue", **environ: str) -> Settings:
    """Settings with a Glue registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": registry, **environ})
