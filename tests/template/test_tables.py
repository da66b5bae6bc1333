"""The own tables, their event source mappings and the failure bucket are safe, and match an attached table."""

from typing import Any

import pytest

from tests.support.mapping import MappingSettings
from tests.template.document import EVERYTHING
from tests.template.expansion import expand_set, read_resources

TABLE = "AWS::DynamoDB::Table"
MAPPING = "AWS::Lambda::EventSourceMapping"
BUCKET = "AWS::S3::Bucket"


def read_mapping(name: str, logical_id: str) -> dict[str, Any]:
    """Return the properties of a mapping. Values are texts, and a mapping is enabled by default."""
    properties = {"Enabled": True, **read_resources(name, MAPPING)[logical_id]}
    return {key: value if isinstance(value, dict) else str(value) for key, value in properties.items()}


@pytest.mark.parametrize("entity", ["User", "Account"])
def test_own_mappings__have_the_defaults_of_an_attachment(entity: str) -> None:
    """All properties are equal, except those that name resources of the stacks."""
    assert read_mapping("own tables", f"{entity}FeaturesMapping") == read_mapping("attachment", "Mapping") | {
        "FunctionName": {"Ref": "FeatureEventsFunction"},
        "EventSourceArn": {"Fn::GetAtt": [f"{entity}FeatureStore", "StreamArn"]},
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailureBucket", "Arn"]}}},
    }


def test_attachments__use_the_function_and_bucket_of_their_application() -> None:
    """They import both from the stack that the parameter Application names."""
    mapping = read_mapping("attachment", "Mapping")
    assert mapping["FunctionName"] == {"Fn::ImportValue": "feature-events-FunctionArn"}
    destination = {"Fn::ImportValue": "feature-events-FailureBucketArn"}
    assert mapping["DestinationConfig"] == {"OnFailure": {"Destination": destination}}


def test_mappings__have_the_settings_of_the_simulation() -> None:
    """tests/simulation checks every promise with these settings."""
    assert MappingSettings.of_template(read_resources("attachment", MAPPING)["Mapping"]) == MappingSettings(
        batch_size=1000,
        bisect_batch_on_function_error=True,
        report_batch_item_failures=True,
        maximum_record_age_in_seconds=23 * 3600,
    )


def test_tables_and_failure_bucket__outlive_the_stack_but_not_a_failed_first_deployment() -> None:
    """A rollback could not delete a table with deletion protection."""
    resources = expand_set("own tables")["Resources"]
    for name in ("UserFeatureStore", "AccountFeatureStore", "FailureBucket"):
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
        assert "DeletionProtectionEnabled" not in resources[name]["Properties"]


def test_tables__are_encrypted_and_can_be_restored() -> None:
    """They have point-in-time recovery."""
    tables = read_resources("own tables", TABLE)
    assert {each["TableName"] for each in tables.values()} == {"user_feature_store", "account_feature_store"}
    for table in tables.values():
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_tables__are_created_only_with_own_tables() -> None:
    """The account may already have tables with these names."""
    assert read_resources("attached tables", TABLE) == {}
    assert read_resources("attached tables", MAPPING) == {}


def test_tables__wait_for_the_registration() -> None:
    """If the registration fails, no table remains whose name the next deployment needs."""
    for name, waits in (("own tables", True), ("own and attached tables", False)):
        for table in read_resources(name, TABLE).values():
            assert ({"Ref": "SchemaRegistration"} in [tag["Value"] for tag in table.get("Tags", [])]) is waits


def test_tables__have_the_prefix() -> None:
    """Two stacks in one account and region create tables with different names."""
    tables = read_resources("own tables with a prefix", TABLE)
    assert {each["TableName"] for each in tables.values()} == {"dev_user_feature_store", "dev_account_feature_store"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("everything", {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": EVERYTHING["KmsKeyArn"]}),
        ("pinned id", {"SSEAlgorithm": "AES256"}),
    ],
)
def test_failure_bucket__is_always_encrypted(name: str, expected: dict[str, str]) -> None:
    """It uses the stack's KMS key, or a key of S3."""
    (bucket,) = read_resources(name, BUCKET).values()
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == expected


def test_failure_bucket__is_private_and_requires_tls() -> None:
    """The bucket blocks public access, and its policy denies requests without TLS."""
    resources = expand_set("pinned id")["Resources"]
    assert set(resources["FailureBucket"]["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = resources["FailureBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Principal"]) == ("Deny", "s3:*", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_failure_bucket__has_lifecycle_rules_that_aws_accepts() -> None:
    """S3 rejects a rule with days and markers. CloudFormation rejects a rule with only markers.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1124
    """
    (bucket,) = read_resources("pinned id", BUCKET).values()
    expire, markers = bucket["LifecycleConfiguration"]["Rules"]
    assert expire["ExpirationInDays"]
    assert "ExpiredObjectDeleteMarker" not in expire
    assert markers["ExpiredObjectDeleteMarker"]
    assert "ExpirationInDays" not in markers
    assert "AbortIncompleteMultipartUpload" in markers
