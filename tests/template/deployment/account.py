"""The AWS account that the tests deploy to.

MiniStack takes the place of AWS. It creates every resource of the templates, but does not enforce IAM policies and does
not evaluate alarms on metric math. Instead, calls.py checks each call of a function against the deployed policies.
"""

import json
import time
from collections.abc import Callable, Iterable, Sized
from typing import Any
from uuid import uuid4

import boto3
import pytest

from local.application import cloudformation
from local.application.attachment import TEMPLATE
from local.application.deployment import Deployment, make_parameters
from local.environment import REGION, make_aws_environment, make_tool_environment
from local.servers.aws import get_calls_file
from local.servers.stack import RunningStack
from tests.template.deployment import changes
from tests.template.deployment.calls import Calls, Role
from tests.template.deployment.changes import TemplateSource
from tests.template.document import Parameters

NO_REGISTRY = {"SchemaRegistry": "", "Schema": "id:7"}
"""Parameters of an application that uses no registry."""
WAIT = 30.0


class Account:
    """An AWS account with tables of other teams.

    Args:
        stack: the local stack. Other workers deploy to it too.
        template: the packaged application.

    """

    def __init__(self, stack: RunningStack, template: TemplateSource) -> None:
        self.stack = stack
        self._template = template
        self._attached: dict[str, list[str]] = {}
        self.calls = Calls(get_calls_file(stack.directory))
        self.iam = self.client("iam")
        self.alarms = self.client("cloudwatch")

    def client(self, service: str) -> Any:  # noqa: ANN401 -- these services' types are not installed
        """Create a client of a service that `AwsClients` does not have."""
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.stack.aws, region_name=REGION, **keys)  # type: ignore[call-overload]

    def make_tables(self, number: int, keys: tuple[str, str] = ("device_id", "category")) -> dict[str, str]:
        """Create tables with these keys. Return the ARN of each table's stream by the name of the table."""
        made = {}
        for _ in range(number):
            name = f"team_table_{uuid4().hex[:8]}"
            table = self.stack.clients.dynamodb.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": keys[0], "KeyType": "HASH"},
                    {"AttributeName": keys[1], "KeyType": "RANGE"},
                ],
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
            made[name] = table["TableDescription"]["LatestStreamArn"]
        return made

    def put(self, table: str, key: str, entity: str, features: Iterable[str] = ("battery",)) -> None:
        """Write one item with these features."""
        data = dict.fromkeys(features, 5)
        item: dict[str, Any] = {key: entity, "category": "health", "features": {"data": data, "meta": {}}}
        self.stack.clients.tables.Table(table).put_item(Item=item)

    def read_keys(self, bucket: str, prefix: str) -> set[str]:
        """List the keys of the objects with this prefix."""
        found = self.stack.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {each["Key"] for each in found}

    def deploy(self, name: str, parameters: Parameters, template: TemplateSource | None = None) -> Deployment:
        """Deploy the application with these parameters, by default without own tables.

        `template` is another packaged application.
        """
        self.calls.evaluate()  # with the policies before this deployment
        values = {**make_parameters(self.stack), "OwnTables": "false", **parameters}
        changes.deploy(self.stack, name, template or self._template, values)
        self._follow_functions(name)
        return Deployment(name, cloudformation.read_outputs(self.stack, name))

    def deploy_with(self, name: str, streams: Iterable[str], parameters: Parameters) -> Deployment:
        """Deploy the application, then attach the tables of these streams."""
        arns = [to_table_arn(stream) for stream in streams]
        deployed = self.deploy(name, {"TableArns": ",".join(arns), **parameters})
        for stream in streams:
            self.attach(name, stream)
        return deployed

    def name_attachment(self, application: str, stream: str) -> str:
        """Return a name for the stack that attaches this stream's table. `delete` deletes that stack first."""
        name = f"{application}-{to_table_name(stream)}".replace("_", "-")
        self._attached.setdefault(application, []).append(name)
        return name

    def attach(self, application: str, stream: str, **parameters: str) -> str:
        """Attach the table of this stream, and return the name of the attachment's stack."""
        name = self.name_attachment(application, stream)
        values = {"Application": application, "StreamArn": stream, **parameters}
        changes.deploy(self.stack, name, {"TemplateBody": TEMPLATE.read_text()}, values)
        return name

    def check(self, name: str, *tables: str) -> Any:  # noqa: ANN401 -- JSON
        """Run the preflight check of these tables, or of the application's own tables, and return the report."""
        return self._invoke(name, "FeatureEventsFunction", {"check": True, **({"tables": tables} if tables else {})})

    def redrive(self, name: str, **request: object) -> Any:  # noqa: ANN401 -- JSON
        """Invoke the redrive function with this request, and return its report."""
        return self._invoke(name, "RedriveFunction", request)

    def make_environment(self) -> dict[str, str]:
        """Make the environment for a command that uses this account."""
        return make_tool_environment(make_aws_environment(self.stack.aws))

    def _invoke(self, name: str, function: str, event: object) -> Any:  # noqa: ANN401
        found = self.stack.clients.cloudformation.describe_stack_resource(StackName=name, LogicalResourceId=function)
        physical = found["StackResourceDetail"]["PhysicalResourceId"]
        answer = self.stack.clients.functions.invoke(FunctionName=physical, Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert not answer.get("FunctionError"), payload
        return payload

    def _follow_functions(self, name: str) -> None:
        resources = self.stack.clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        for each in resources:
            if each["ResourceType"] == "AWS::Lambda::Function":
                role = self.read_function(each["PhysicalResourceId"])["Role"]
                documents = [{"Statement": list(self.read_statements(role).values())}]
                self.calls.follow(each["PhysicalResourceId"], Role(role.split(":")[4], documents))

    def delete(self, application: str) -> None:
        """Detach all tables from the application, and delete it. Its own tables and its failure bucket remain."""
        self.delete_attachments(application)
        self.delete_stack(application)

    def delete_attachments(self, application: str) -> None:
        """Delete all attachments of the application."""
        for name in self._attached.pop(application, []):
            self.delete_stack(name)

    def delete_tables(self, prefix: str) -> None:
        """Delete the tables whose names have this prefix, for example those that a deleted stack has retained."""
        for name in self.stack.clients.dynamodb.list_tables()["TableNames"]:
            if name.startswith(prefix):
                self.stack.clients.dynamodb.delete_table(TableName=name)

    def delete_stack(self, name: str) -> None:
        """Delete one stack, and wait until it is gone."""
        changes.delete(self.stack, name)

    def read_types(self, name: str) -> list[str]:
        """Return the types of the stack's resources."""
        resources = self.stack.clients.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return [each["ResourceType"] for each in resources]

    def read_mappings(self, deployed: Deployment) -> dict[str, Any]:
        """Return the event source mappings of the function by the ARNs of their streams."""
        found = self.stack.clients.functions.list_event_source_mappings(FunctionName=deployed.function)
        return {each["EventSourceArn"]: each for each in found["EventSourceMappings"]}

    def read_function(self, name: str) -> Any:  # noqa: ANN401
        """Return the configuration of a function."""
        return self.stack.clients.functions.get_function_configuration(FunctionName=name)

    def set_variable(self, function: str, name: str, value: str) -> None:
        """Set an environment variable of a deployed function for which the template has no parameter."""
        variables = self.read_function(function)["Environment"]["Variables"] | {name: value}
        self.stack.clients.functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )

    def read_statements(self, arn: str) -> dict[str, Any]:
        """Return the statements of a role's policies by their names."""
        role = arn.rpartition("/")[2]
        policies = [
            self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for each in self.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            shared = self.iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]
            version = {"PolicyArn": shared["Arn"], "VersionId": shared["DefaultVersionId"]}
            policies.append(self.iam.get_policy_version(**version)["PolicyVersion"]["Document"])
        documents = [json.loads(policy) if isinstance(policy, str) else policy for policy in policies]
        return {each["Sid"]: each for document in documents for each in document["Statement"]}


def to_table_arn(stream: str) -> str:
    """Return the ARN of a stream's table."""
    return stream.partition("/stream/")[0]


def to_table_name(stream: str) -> str:
    """Return the name of a stream's table."""
    return to_table_arn(stream).rpartition("/")[2]


def wait_until[Found: Sized](find: Callable[[], Found], number: int) -> Found:
    """Wait until there are this many results, and return them. Return fewer if the time is up."""
    end = time.monotonic() + WAIT
    while len(found := find()) < number and time.monotonic() < end:
        time.sleep(0.2)
    return found


def assert_deleted(account: Account, name: str) -> None:
    """Assert that a function and its log group no longer exist."""
    with pytest.raises(account.stack.clients.functions.exceptions.ResourceNotFoundException):
        account.read_function(name)
    groups = account.stack.clients.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    assert groups == []
