"""The template of the Lambda example."""

import os
import subprocess
from pathlib import Path

import boto3
import pytest
from samcli.lib.providers.sam_function_provider import SamFunctionProvider  # type: ignore[import-untyped]
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from local.application.consumers import CONSUMERS
from local.paths import TOOLS

TEMPLATE = CONSUMERS / "lambda" / "template.yaml"
REGISTRY = "https://registry.example"


def run_tool(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool that checks templates."""
    return subprocess.run(  # noqa: S603  # tools and a template of this project
        [str(part) for part in command],
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_template__is_valid() -> None:
    """SAM and CloudFormation accept it."""
    validated = run_tool(TOOLS / "sam", "validate", "--lint", "--template-file", TEMPLATE)
    assert validated.returncode == 0, validated.stdout + validated.stderr


def test_template__enables_partial_batch_responses() -> None:
    """Lambda evaluates the handler's response only in provisioned mode."""
    mapping = yaml_parse(TEMPLATE.read_text())["Resources"]["Mapping"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ProvisionedPollerConfig"]["MinimumPollers"] >= 1
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert mapping["BisectBatchOnFunctionError"] is True


def test_template__retries_as_long_as_lambda_can() -> None:
    """With a destination, Lambda treats its own default, documented as infinite, as 10."""
    template = yaml_parse(TEMPLATE.read_text())
    parameter = template["Parameters"]["MaximumRetryAttempts"]
    model = boto3.client("lambda", "us-east-1").meta.service_model
    most = model.shape_for("MaximumRetryAttemptsEventSourceMapping").metadata["max"]
    assert parameter["Default"] == parameter["MaxValue"] == most
    assert template["Resources"]["Mapping"]["Properties"]["MaximumRetryAttempts"] == {"Ref": "MaximumRetryAttempts"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # from SAM and jsonschema
@pytest.mark.parametrize(
    ("parameters", "registry"),
    [
        ({"SchemaRegistry": REGISTRY}, REGISTRY),
        ({"SchemaRegistry": REGISTRY, "SchemaReader": "mapping"}, ""),
        ({"SchemaRegistry": "arn:aws:glue:us-east-1:123456789012:registry/events"}, ""),
        ({"SchemaRegistry": REGISTRY, "RegistrySecretArn": "arn:aws:secretsmanager:us-east-1:1:secret:r"}, ""),
    ],
)
def test_template__uses_the_mapping_for_what_the_handler_does_not_support(
    monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], registry: str
) -> None:
    """The handler supports neither Glue's wire format nor a registry with a secret."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE), parameter_overrides=parameters)
    (function,) = SamFunctionProvider(stacks).get_all()
    assert function.environment == {"Variables": {"SCHEMA_REGISTRY": registry}}
    mapping = yaml_parse(TEMPLATE.read_text())["Resources"]["Mapping"]["Properties"]
    condition, _, otherwise = mapping["AmazonManagedKafkaEventSourceConfig"]["SchemaRegistryConfig"]["Fn::If"]
    assert (condition, otherwise) == (
        "MappingReads",
        {"Ref": "AWS::NoValue"},
    )  # the same condition removes the function's registry


def test_template__grants_least_privilege() -> None:
    """No action contains a wildcard. Only actions that support no resources are allowed on all resources."""
    role = yaml_parse(TEMPLATE.read_text())["Resources"]["ConsumerRole"]["Properties"]
    listed = role["Policies"][0]["PolicyDocument"]["Statement"]
    branches = [branch for each in listed for branch in (each["Fn::If"][1:] if "Fn::If" in each else [each])]
    statements = [each for each in branches if "Action" in each]
    actions = {action for each in statements for action in _to_list(each["Action"])}
    on_all = {action for each in statements if each["Resource"] == "*" for action in _to_list(each["Action"])}
    assert not any("*" in action for action in actions)
    assert {action for action in on_all if not action.startswith("ec2:")} == {"glue:GetSchemaVersion"}
    assert {action for action in actions if action.startswith("kafka-cluster:")} == {
        "kafka-cluster:AlterGroup",
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeClusterDynamicConfiguration",
        "kafka-cluster:DescribeGroup",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:ReadData",
    }


def _to_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
