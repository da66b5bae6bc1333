"""The application, built and deployed to the local stack by the same `sam build` and `sam deploy` as to AWS.

What is tried here is the template that goes to production; only addresses differ, and they are parameters.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from botocore.exceptions import ClientError
from confluent_kafka import KafkaException

from local.application import artefacts, cloudformation
from local.application.artefacts import ARCHITECTURE, CONFIG, SAM
from local.application.attachment import attach
from local.application.feature_tables import APP, LAYOUTS, create_app_table
from local.environment import REGION, make_aws_environment, make_tool_environment
from local.errors import LocalError
from local.paths import ROOT, TOOLS
from local.servers.registry import CONFLUENT, GLUE
from local.servers.stack import RunningStack, Stack
from local.servers.topic import TOPIC, create_topic

DEPLOY_LIMIT = 300.0
APPLICATION = "feature-events"
POLL_SECONDS = "0.2"
NOT_DEPLOYED = "{} is not deployed to the local stack: deploy it with `make up`"


class Deployment(NamedTuple):
    """A deployed application: its CloudFormation stack and what the template gives out."""

    name: str
    outputs: Mapping[str, str]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.outputs["FunctionName"]


def to_parameters(stack: Stack | RunningStack) -> dict[str, str]:
    """The template's parameters for this stack and this machine."""
    return {
        "KafkaBrokerUrl": stack.kafka,
        "SchemaRegistry": stack.registry,
        "OwnTables": "true",
        "Architecture": ARCHITECTURE,
    }


def to_overrides(parameters: Mapping[str, str]) -> list[str]:
    """The parameters as `sam deploy --parameter-overrides` takes them, whatever characters the values have."""
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    return [f'ParameterKey={name},ParameterValue="{value}"' for name, value in quoted.items()]


def build(stack: Stack | RunningStack) -> None:
    """Builds the application for this stack; needs none of its servers."""
    with stack.steps.step("sam build") as step:
        step.detail = "template.yaml"
        artefacts.build(stack.processes, _build_directory(stack))


def deploy(
    stack: Stack | RunningStack, parameters: Mapping[str, str] = MappingProxyType({}), name: str = APPLICATION
) -> Deployment:
    """Deploys the application; `parameters` take precedence over those that fit the stack."""
    template = _build_directory(stack) / "template.yaml"
    if not template.exists():
        build(stack)
    with stack.steps.step("sam deploy") as step:
        _sam_deploy(stack, template, to_overrides({**to_parameters(stack), **parameters}), name)
        deployment = Deployment(name, cloudformation.read_outputs(stack, name))
        step.detail = deployment.function
    return deployment


def deploy_with_tables(stack: Stack | RunningStack, registry: str = CONFLUENT) -> Deployment:
    """Deploy the application with its own tables and one of the two registries, then attach the table `app`."""
    with stack.steps.step("table") as step:
        stream = create_app_table(stack.clients.dynamodb)
        step.detail = APP
    parameters = {"TableArns": stream.partition("/stream/")[0], "TableLayouts": LAYOUTS}
    deployed = deploy(stack, parameters | ({"SchemaRegistry": GLUE} if registry == GLUE else {}))
    with stack.steps.step("attach") as step:
        attach(stack, stream, f"{deployed.name}-{APP}", deployed.name)
        step.detail = f"table.yaml to {APP}"
    return deployed


def set_up(stack: Stack, registry: str = CONFLUENT) -> Deployment:
    """Create the topic, deploy the application and attach its tables."""
    with stack.steps.step("topic") as step:
        try:
            stack.attend(lambda: create_topic(stack.kafka))
        except (KafkaException, TimeoutError) as error:
            raise LocalError(f"the topic {TOPIC} could not be made: {error}") from error
        step.detail = TOPIC
    return deploy_with_tables(stack, registry)


def find_deployment(stack: Stack | RunningStack, name: str = APPLICATION) -> Deployment:
    """The application as it is deployed to this stack.

    Raises:
        LocalError: it is not.

    """
    try:
        return Deployment(name, cloudformation.read_outputs(stack, name))
    except ClientError as error:
        raise LocalError(NOT_DEPLOYED.format(name)) from error


def find_registry(stack: Stack | RunningStack, name: str = APPLICATION) -> str:
    """Return the registry that the application is deployed with: `confluent` or `glue`.

    Raises:
        LocalError: the application is not deployed.

    """
    try:
        (described,) = stack.clients.cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise LocalError(NOT_DEPLOYED.format(name)) from error
    values = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
    return GLUE if values.get("SchemaRegistry") == GLUE else CONFLUENT


def _build_directory(stack: Stack | RunningStack) -> Path:
    return stack.directory / "build"


def _sam_deploy(stack: Stack | RunningStack, template: Path, overrides: list[str], name: str) -> None:
    command = [
        *(TOOLS / "sam", "deploy", "--config-file", CONFIG, "--template-file", template, "--stack-name", name),
        *("--region", REGION, "--no-progressbar", "--parameter-overrides", *overrides),
    ]
    settings = {**make_aws_environment(stack.aws), "SAM_CLI_POLL_DELAY": POLL_SECONDS, "__SAM_CLI_APP_DIR": str(SAM)}
    with artefacts.scratch(stack.directory) as temporary:
        environment = make_tool_environment({**settings, "TMPDIR": str(temporary)})
        start = partial(stack.processes.start, "sam-deploy", command, environment, ROOT)
        cloudformation.deploy(stack, name, start, DEPLOY_LIMIT)
