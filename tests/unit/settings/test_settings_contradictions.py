"""Settings that are missing or contradict each other."""

import re

import pytest

from feature_events.errors import Misconfigured
from feature_events.settings.settings import read_settings
from tests.unit.settings.test_settings import ARN, GIVEN, GLUE_REGISTRY, LEAST, VERSION


@pytest.mark.parametrize(
    ("environ", "mistake"),
    [
        ({}, "KafkaBrokerUrl (KAFKA_BROKER_URL) is missing"),
        ({}, "SchemaRegistry (SCHEMA_REGISTRY) is missing"),
        ({"KAFKA_BROKER_URL": " ", "SCHEMA_ID": "1"}, "(KAFKA_BROKER_URL) is missing"),
        ({**LEAST, "SCHEMA_VERSION": "latest"}, "(SCHEMA_ID) and Schema=version:N (SCHEMA_VERSION) exclude each other"),
        ({**LEAST, "AUTO_REGISTER_SCHEMAS": "true"}, "AUTO_REGISTER_SCHEMAS registers the shipped schema"),
        ({"KAFKA_BROKER_URL": "b:1", "SCHEMA_VERSION": "1"}, "(SCHEMA_REGISTRY) is missing"),
        *[
            ({**LEAST, "KAFKA_AUTH": auth}, f"(KAFKA_SECRET_ARN) is missing: KafkaAuth (KAFKA_AUTH) is {auth}, ")
            for auth in ("plain", "scram", "scram-256", "oauth", "mtls")
        ],
        ({**LEAST, "KAFKA_SECRET_ARN": f"{ARN}s"}, "(KAFKA_SECRET_ARN) is not used: KafkaAuth (KAFKA_AUTH) is none"),
        ({**LEAST, "KAFKA_AUTH": "iam", "KAFKA_SECRET_ARN": f"{ARN}s"}, "(KAFKA_SECRET_ARN) is not used: "),
        ({**LEAST, "KAFKA_AUTH": "iam"}, "AWS_REGION is missing"),
        (
            {**LEAST, "KAFKA_CA_SECRET_ARN": f"{ARN}s"},
            "(KAFKA_CA_SECRET_ARN) is not used: KafkaAuth (KAFKA_AUTH) is none",
        ),
        (
            {
                **LEAST,
                "KAFKA_AUTH": "tls",
                "KAFKA_CA_SECRET_ARN": f"{ARN}s",
                "KAFKA_PROPERTIES": '{"ssl.ca.location": "/opt/ca.pem"}',
            },
            "(KAFKA_CA_SECRET_ARN) and ssl.ca.location in KafkaProperties (KAFKA_PROPERTIES) exclude each other",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"},
            "(SCHEMA_REGISTRY_SECRET_ARN) is not used without SchemaRegistry",
        ),
        *(
            (
                {"KAFKA_BROKER_URL": "b:1", "SCHEMA_REGISTRY": registry, name: f"{ARN}s"},
                f"({name}) is not used for AWS Glue",
            )
            for registry in ("glue", GLUE_REGISTRY)
            for name in ("SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN")
        ),
        (
            {**GIVEN, "SCHEMA_FILE": "feature_trigger_v2.avsc"},
            "SchemaFile (SCHEMA_FILE) is not used with Schema=version:N (SCHEMA_VERSION)",
        ),
        ({**LEAST, "SCHEMA_REGISTRY": "glue"}, "Schema=id:N (SCHEMA_ID) must be the UUID of a schema version"),
        (
            {**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_ID": str(VERSION)},
            "Schema=id:N (SCHEMA_ID) must be a number, because",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"},
            "(SCHEMA_REGISTRY_SECRET_ARN) needs an https URL",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY": "http://r", "SCHEMA_REGISTRY_CA_SECRET_ARN": f"{ARN}s"},
            "(SCHEMA_REGISTRY_CA_SECRET_ARN) needs an https URL",
        ),
        (
            {**LEAST, "SCHEMA_REGISTRY": "HTTP://r", "SCHEMA_REGISTRY_SECRET_ARN": f"{ARN}s"},
            "(SCHEMA_REGISTRY_SECRET_ARN) needs an https URL",
        ),
    ],
)
def test_read_settings__finds_missing_and_contradictory_settings(environ: dict[str, str], mistake: str) -> None:
    """Mistakes in combinations of settings are reported too."""
    with pytest.raises(Misconfigured, match=re.escape(mistake)):
        read_settings(environ)
