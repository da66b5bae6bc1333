"""Build the application and deploy it to the local stack with `sam build` and `sam deploy`, as to AWS.

The template is the same as in production. Only its parameters differ.
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
NOT_DEPLOYED = "{} is not deployed to the local stack; deploy it with `make up`"


class Deployment(NamedTuple):
    """A deployed application: the name and the outputs of its CloudFormation stack."""

    name: str
    outputs: Mapping[str, str]

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.outputs["FunctionName"]


def make_parameters(stack: Stack | RunningStack) -> dict[str, str]:
    """Make the template's parameters for this stack and this machine."""
    return {
        "KafkaBrokerUrl": stack.kafka,
        "SchemaRegistry": stack.registry,
        "OwnTables": "true",
        "Removals": "events",
        "Architecture": ARCHITECTURE,
    }


def format_overrides(parameters: Mapping[str, str]) -> list[str]:
    """Format parameters for `sam deploy --parameter-overrides`, with any characters in the values."""
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    return [f'ParameterKey={name},ParameterValue="{value}"' for name, value in quoted.items()]


def build(stack: Stack | RunningStack) -> None:
    """Build the application for this stack. The servers need not be running."""
    with stack.steps.step("sam build") as step:
        step.detail = "template.yaml"
        artefacts.build(stack.processes, _build_directory(stack))


def deploy(
    stack: Stack | RunningStack, parameters: Mapping[str, str] = MappingProxyType({}), name: str = APPLICATION
) -> Deployment:
    """Deploy the application. `parameters` override the default parameters for the stack."""
    template = _build_directory(stack) / "template.yaml"
    if not template.exists():
        build(stack)
    with stack.steps.step("sam deploy") as step:
        _sam_deploy(stack, template, format_overrides({**make_parameters(stack), **parameters}), name)
        deployment = Deployment(name, cloudformation.read_outputs(stack, name))
        step.detail = deployment.function
    return deployment


def deploy_with_tables(stack: Stack | RunningStack, registry: str = CONFLUENT, layouts: str = LAYOUTS) -> Deployment:
    """Deploy the application with its own tables, this registry and these layouts, then attach the table `app`."""
    with stack.steps.step("create table") as step:
        stream = create_app_table(stack.clients.dynamodb)
        step.detail = APP
    parameters = {"TableArns": stream.partition("/stream/")[0], "TableLayouts": layouts}
    deployed = deploy(stack, parameters | ({"SchemaRegistry": GLUE} if registry == GLUE else {}))
    with stack.steps.step("attach table") as step:
        attach(stack, stream, f"{deployed.name}-{APP}", deployed.name)
        step.detail = f"{APP}, with table.yaml"
    return deployed


def set_up(stack: Stack, registry: str = CONFLUENT, layouts: str = LAYOUTS) -> Deployment:
    """Create the topic, deploy the application and attach its tables."""
    with stack.steps.step("create topic") as step:
        try:
            stack.run_with_checks(lambda: create_topic(stack.kafka))
        except (KafkaException, TimeoutError) as error:
            raise LocalError(f"could not create the topic {TOPIC}: {error}") from error
        step.detail = TOPIC
    return deploy_with_tables(stack, registry, layouts)


def find_deployment(stack: Stack | RunningStack, name: str = APPLICATION) -> Deployment:
    """Find the application on this stack.

    Raises:
        LocalError: the application is not deployed.

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
